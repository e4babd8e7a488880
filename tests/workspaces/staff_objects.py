"""One object for every page of the admin."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.db.models import Model
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from billing.models import ExchangeRate
from pqintel.workspaces.models import Membership, User, Workspace
from pqintel.workspaces.tenancy import TenantModel
from tests.factories import THEN, ExchangeRateFactory, MembershipFactory, UserFactory, WorkspaceFactory, factory_of


def object_of(model: type[Model]) -> Any:
    """A new row of any model that has pages in the admin. Raises KeyError for one that is not known here."""
    if issubclass(model, TenantModel):
        return factory_of(model)()
    return MAKERS[model]()


def _schedule() -> IntervalSchedule:
    return IntervalSchedule.objects.create(every=1, period="hours")


MAKERS: dict[type[Model], Any] = {
    User: UserFactory,
    Workspace: WorkspaceFactory,
    Membership: MembershipFactory,
    ExchangeRate: ExchangeRateFactory,
    Group: lambda: Group.objects.create(name="Support"),
    EmailAddress: lambda: EmailAddress.objects.get(user=UserFactory()),
    Authenticator: lambda: Authenticator.objects.create(
        user=UserFactory(), type=Authenticator.Type.TOTP, data={"secret": "canary-totp"}
    ),
    LogEntry: lambda: LogEntry.objects.create(user=UserFactory(), action_flag=CHANGE, object_repr="x", object_id="1"),
    IntervalSchedule: _schedule,
    ClockedSchedule: lambda: ClockedSchedule.objects.create(clocked_time=THEN),
    CrontabSchedule: lambda: CrontabSchedule.objects.create(minute="5"),
    SolarSchedule: lambda: SolarSchedule.objects.create(event="sunset", latitude=52, longitude=13),
    PeriodicTask: lambda: PeriodicTask.objects.create(name="A task", task="a.task", interval=_schedule()),
}
