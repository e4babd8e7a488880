"""Pages of a workspace that are not about billing. Included before everything else under /w/."""

from django.urls import path

from .views import entrance, general, joining, members

app_name = "workspaces"
urlpatterns = [
    path("w/new/", entrance.new, name="new"),
    path("w/<slug:slug>/", entrance.enter, name="enter"),
    path("w/<slug:slug>/join/<str:token>/", joining.join, name="join"),
    path("w/<slug:slug>/settings/", general.settings, name="settings"),
    path("w/<slug:slug>/settings/delete/", general.delete, name="delete"),
    path("w/<slug:slug>/settings/members/", members.members, name="members"),
    path("w/<slug:slug>/settings/members/invite/", members.send, name="invite"),
    path("w/<slug:slug>/settings/members/<int:pk>/role/", members.role, name="member_role"),
    path("w/<slug:slug>/settings/members/<int:pk>/remove/", members.remove, name="member_remove"),
    path("w/<slug:slug>/settings/invitations/<int:pk>/revoke/", members.withdraw, name="invitation_revoke"),
]
