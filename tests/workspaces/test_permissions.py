"""Every URL × method × person answers what docs/permissions.md says, and every URL stands there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from pqintel.workspaces.roles import Role
from tests.conftest import with_second_factor
from tests.factories import (
    AccessOverrideFactory,
    ChannelFactory,
    CustomerFactory,
    InvitationFactory,
    InvoiceFactory,
    MembershipFactory,
    PaymentFactory,
    SubscriptionFactory,
    UserFactory,
    WorkspaceFactory,
)
from tests.factories_alerts import RuleFactory
from tests.factories_dunning import CaseFactory, ExclusionFactory
from tests.factories_letters import LetterFactory
from tests.workspaces.staff_objects import object_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"
METHODS = ("GET", "POST")
ADMIN_GATE = "the admin's sign-in"
SHORT, REST = "admin:(an object's short URL)", "admin:(anything else)"


# --- the written matrix ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Row:
    """A line of the matrix: URLs (names, maybe with *), one method, what each person gets."""

    patterns: tuple[str, ...]
    method: str
    answers: dict[str, str]

    def speaks_of(self, url: str) -> bool:
        return any(fnmatchcase(url, pattern) for pattern in self.patterns)

    def names(self, url: str) -> bool:
        return url in self.patterns


def written_rows() -> Iterator[Row]:
    people: list[str] = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            people = []
        elif cells[0] == "URL":
            people = cells[2:]
        elif people and not cells[0].startswith("--"):
            answers = dict(zip(people, cells[2:], strict=True))
            for method in cells[1].split(", "):
                yield Row(tuple(re.findall(r"`(.+?)`", cells[0])), method, answers)


MATRIX = list(written_rows())


def row_for(url: str, method: str) -> Row:
    """The one row that decides: one that names the URL goes before one that only covers it."""
    candidates = [row for row in MATRIX if row.method == method and row.speaks_of(url)]
    decisive = [row for row in candidates if row.names(url)] or candidates
    assert len(decisive) == 1, f"{method} {url} stands in {len(decisive)} rows of docs/permissions.md, not in one."
    return decisive[0]


# --- the URLs that there are -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Url:
    """A pattern of the resolver by its full name, and the model whose admin page it is, if it is one."""

    name: str
    parameters: frozenset[str]
    route: str


def urls(
    patterns: list[Any], namespace: str = "", route: str = "", above: frozenset[str] = frozenset()
) -> Iterator[Url]:
    for pattern in patterns:
        here, parameters = route + str(pattern.pattern), above | set(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from urls(pattern.url_patterns, inner, here, parameters)
        else:
            yield Url(name_of(pattern, namespace), parameters, here)


def name_of(pattern: URLPattern, namespace: str) -> str:
    if pattern.name or namespace != "admin:":
        return f"{namespace}{pattern.name}"
    return SHORT if "object_id" in pattern.pattern.regex.groupindex else REST


URLS = list(urls(get_resolver().url_patterns))
MODELS = {f"{m._meta.app_label}_{m._meta.model_name}": m for m in admin.site._registry}


def test_every_url_is_written_down_and_every_row_has_a_url() -> None:
    for url in URLS:
        for method in METHODS:
            row_for(url.name, method)
    for row in MATRIX:
        for pattern in row.patterns:
            assert [url for url in URLS if fnmatchcase(url.name, pattern)], f"{pattern} is the name of no URL."


def test_names_are_unique() -> None:
    counts = Counter(url.name for url in URLS)
    assert {name for name, count in counts.items() if count > 1} == {SHORT}


# --- trying it -------------------------------------------------------------------------------------------------------
class Stage:
    """A workspace with everybody in it who stands in the matrix, and one row of everything."""

    def __init__(self) -> None:
        self.client = Client()
        self.workspace = WorkspaceFactory(slug="acme")
        MembershipFactory(workspace=self.workspace)  # a second owner, so that the first is not the last
        owner = self.member(Role.OWNER)
        outsider = MembershipFactory(role=Role.OWNER).user
        self.other_member = MembershipFactory(workspace=self.workspace, role=Role.MEMBER)
        self.invitation = InvitationFactory(workspace=self.workspace, token="secret")
        for factory in (CustomerFactory, SubscriptionFactory, InvoiceFactory, PaymentFactory):
            factory(workspace=self.workspace, stripe_id="the_one")
        self.channel = ChannelFactory(workspace=self.workspace, kind="email", state="unconfirmed", secret=None)
        RuleFactory(workspace=self.workspace, number=self.channel.number)
        self.override = AccessOverrideFactory(workspace=self.workspace)
        CaseFactory(workspace=self.workspace, invoice="the_one")
        self.exclusion = ExclusionFactory(workspace=self.workspace)
        self.letter = LetterFactory(workspace=self.workspace)
        staff, superuser = UserFactory(is_staff=True), UserFactory(is_staff=True, is_superuser=True)
        self.cookies = {
            "signed out": None,
            "signed in": self.sign_in(outsider),
            "outsider": self.sign_in(outsider),
            "viewer": self.sign_in(self.member(Role.VIEWER)),
            "member": self.sign_in(self.member(Role.MEMBER)),
            "admin": self.sign_in(self.member(Role.ADMIN)),
            "owner": self.sign_in(owner),
            "staff": self.sign_in(staff, second_factor=True),
            "staff without second factor": self.sign_in(staff),
            "superuser": self.sign_in(superuser, second_factor=True),
        }
        self.objects: dict[Any, Any] = {}
        self.gate: dict[str, str] = {}  # where the admin's own sign-in page sends each person; the same for every page

    def member(self, role: Role) -> Any:
        return MembershipFactory(workspace=self.workspace, role=role).user

    def sign_in(self, user: Any, *, second_factor: bool = False) -> str:
        client = Client()
        client.force_login(user)
        if second_factor:
            with_second_factor(client)
        return client.cookies[settings.SESSION_COOKIE_NAME].value

    def path(self, url: Url) -> str:
        if url.name in (SHORT, REST):
            return "/admin/" + url.route.split("/", 1)[1].replace("<path:object_id>/", "1/").replace(
                "(?P<url>.*)$", "x"
            )
        values = {
            "slug": "acme",
            "mode": "test",
            "token": "secret",
            "key": "set-wrong" if url.name == "account_reset_password_from_key" else "wrong",
            "uidb36": "1",
            "app_label": "billing",
            "stripe_id": "the_one",
            "metric": "mrr",
            "kind": "mrr_drop" if url.name.startswith("alerts:") else "email",
            "letter_kind": "welcome",
            "number": self.channel.number,
        }
        if "pk" in url.parameters:
            others = {
                "workspaces:invitation_revoke": self.invitation,
                "billing:plan_override_revoke": self.override,
                "dunning:exclusion_remove": self.exclusion,
                "letters:letter": self.letter,
            }
            values["pk"] = others.get(url.name, self.other_member).pk
        if "object_id" in url.parameters:
            values["object_id"] = self.object_id(url.name)
        return reverse(url.name, kwargs={name: values[name] for name in url.parameters})

    def object_id(self, url: str) -> Any:
        model = MODELS[url.removeprefix("admin:").rsplit("_", 1)[0]]
        if model not in self.objects:
            self.objects[model] = object_of(model).pk
        return self.objects[model]

    def answer(self, person: str, method: str, path: str) -> str:
        """What this person gets. Whatever the request changes is undone."""
        client = self.client
        client.cookies.clear()
        if cookie := self.cookies[person]:
            client.cookies[settings.SESSION_COOKIE_NAME] = cookie
        words = {"role": "viewer"} if method == "POST" else {}
        before = transaction.savepoint()  # not a block of its own: some views refuse to be in a transaction
        response: Any = client.generic(method, path) if not words else client.post(path, words)
        answered = outcome(response)
        if answered == ADMIN_GATE:
            if person not in self.gate:
                self.gate[person] = outcome(client.get(response["Location"]))
            answered = self.gate[person]
        transaction.savepoint_rollback(before)
        return answered


def outcome(response: HttpResponse) -> str:
    target = response.headers.get("Location", "")
    if target.startswith("/admin/login/?next="):
        return ADMIN_GATE
    if target.startswith("/accounts/login/"):
        return "sign in"
    if target.startswith(("/accounts/2fa/reauthenticate/?next=%2Fadmin", "/accounts/2fa/totp/activate/?next=%2Fadmin")):
        return "second factor"
    return "●" if response.status_code < 400 or response.status_code == 422 else str(response.status_code)


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def difference(stage: Stage, url: Url) -> dict[tuple[str, str], str]:
    path = stage.path(url)
    wrong = {}
    for method in METHODS:
        for person, expected in row_for(url.name, method).answers.items():
            answered = stage.answer(person, method, path)
            if answered != expected:
                wrong[method, person] = f"{answered}, not {expected}"
    return wrong


ADMIN = [url for url in URLS if url.name.startswith("admin:")]


@pytest.mark.parametrize("url", [url for url in URLS if url not in ADMIN], ids=lambda url: url.name)
def test_matrix(stage: Stage, url: Url) -> None:
    assert difference(stage, url) == {}


def test_matrix_of_the_admin(stage: Stage) -> None:
    assert {url.route: wrong for url in ADMIN if (wrong := difference(stage, url))} == {}
