from django.apps import AppConfig
from django.contrib.admin import apps as admin


class WorkspacesConfig(AppConfig):
    name = "pqintel.workspaces"
    label = "workspaces"
    default = True
    default_auto_field = "django.db.models.BigAutoField"


class StaffAdminConfig(admin.AdminConfig):
    """Django's admin with our site in the place of the default one."""

    default = False
    default_site = "pqintel.workspaces.staff.StaffSite"
