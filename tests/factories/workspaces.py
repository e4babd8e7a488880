"""Who belongs to a workspace."""

from __future__ import annotations

import factory

from pqintel.workspaces.models import Invitation, Membership
from pqintel.workspaces.roles import Role

from .base import TenantFactory, UserFactory, WorkspaceFactory


class MembershipFactory(factory.django.DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    workspace = factory.SubFactory(WorkspaceFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class InvitationFactory(TenantFactory):
    """An open invitation; its link ends in `token` (a parameter, not kept)."""

    class Meta:
        model = Invitation

    class Params:
        token = factory.LazyFunction(Invitation.new_token)

    email = factory.Sequence(lambda n: f"invited{n}@example.com")
    role = Role.MEMBER
    token_hash = factory.LazyAttribute(lambda row: Invitation.hash(row.token))
