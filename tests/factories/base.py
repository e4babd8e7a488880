"""People, workspaces, and what every factory of a tenant table has."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import factory
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import Model

from billing.modes import Mode
from pqintel.workspaces.models import User, Workspace
from pqintel.workspaces.tenancy import scoped_transaction

PASSWORD = "plenty of rain in march"
THEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@cache
def password_hash() -> str:
    """The hash of PASSWORD, made once: argon2 is slow on purpose."""
    return make_password(PASSWORD)


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A person with a proven address; the password is PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.LazyFunction(password_hash)

    @factory.post_generation
    def proven(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        """`proven=False` leaves the address unproven."""
        EmailAddress.objects.create(user=self, email=self.email, primary=True, verified=extracted is not False)


class WorkspaceFactory(factory.django.DjangoModelFactory[Workspace]):
    class Meta:
        model = Workspace

    slug = factory.Sequence(lambda n: f"workspace-{n}")
    name = factory.Sequence(lambda n: f"Workspace {n}")


class TenantFactory(factory.django.DjangoModelFactory[Any]):
    """Makes its row in the scope of its workspace."""

    class Meta:
        abstract = True

    workspace = factory.SubFactory(WorkspaceFactory)

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Any:
        with scoped_transaction(kwargs["workspace"]):
            return super()._create(model_class, *args, **kwargs)


class RecordFactory(TenantFactory):
    """A billing row in test mode."""

    class Meta:
        abstract = True

    mode = Mode.TEST
