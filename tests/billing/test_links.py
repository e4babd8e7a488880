"""Only an https address becomes a link, of whatever host."""

from __future__ import annotations

import pytest
from django.db import transaction

from billing.links import payment_page
from billing.modes import Mode
from billing.owed import debts
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import InvoiceFactory

GOOD = (
    "https://invoice.stripe.com/i/acct_1/test_abc?s=ap",
    "https://pay.acme.example/i/1",
    "https://pay.acme.example:8443/i/1#part",
    "HTTPS://invoice.stripe.com/i/1",
)
BAD = (
    None,
    "",
    "http://invoice.stripe.com/i/1",
    "javascript:alert(1)",
    "//invoice.stripe.com/i/1",
    "/i/1",
    "https:///i/1",
    "https:invoice.stripe.com/i/1",
    "https://invoice.stripe.com@evil.example/i/1",
    "https://[::1/i/1",
    "https://invoice.stripe.com:99999/i/1",
    "https://invoice.stripe.com\\@evil.example/",
    "https://invoice.stripe.com/i/1\nBcc: someone@evil.example",
    "https://invoice.stripe.com/i/1 onclick",
    "https://іnvoice.stripe.com/i/1",
    " https://invoice.stripe.com/i/1",
)


@pytest.mark.parametrize("url", GOOD)
def test_https_of_any_host_is_a_link(url: str) -> None:
    assert payment_page(url) == url


@pytest.mark.parametrize("url", BAD)
def test_anything_else_is_none(url: str | None) -> None:
    assert payment_page(url) is None


@pytest.mark.django_db
def test_a_debt_names_a_page_only_where_it_can_be_linked(workspace: Workspace) -> None:
    for name, url in (("in_1", GOOD[1]), ("in_2", BAD[2]), ("in_3", None)):
        InvoiceFactory(workspace=workspace, stripe_id=name, hosted_invoice_url=url)
    with scope(workspace), transaction.atomic():
        found = debts(workspace.pk, Mode.TEST, ("in_1", "in_2", "in_3"))
    assert {debt.invoice: debt.payment_url for debt in found.values()} == {"in_1": GOOD[1], "in_2": None, "in_3": None}
