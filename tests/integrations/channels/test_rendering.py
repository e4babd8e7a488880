"""What a message looks like at each provider, and that nothing in it does anything."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.modes import Mode
from integrations.channels import Link, Message, Severity
from integrations.channels.transports import TRANSPORTS
from integrations.channels.transports.fitting import fit, units
from integrations.channels.transports.slack import blocks_of
from integrations.channels.transports.slack import escape as slack_escape
from integrations.channels.transports.telegram import html_of
from tests.integrations.channels.stage import HELLO

EVIL = "<!channel> <https://evil.example|x> & <b>{{ 7*7 }}</b> {0.__class__} $x"


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def test_slack_blocks_exactly() -> None:
    assert blocks_of(HELLO) == {
        "text": "Warning: A payment failed",
        "blocks": [
            section("*Warning: A payment failed*"),
            section("49.00 USD of Ada"),
            {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Attempt*\n2", "verbatim": True}]},
            section("<https://pq.example.com/w/acme/live/customers/cus_1/|See the customer>"),
        ],
    }


def context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def test_a_signed_message_says_last_which_workspace_it_is_of() -> None:
    message, said = HELLO.signed("Nuts & <Bolts>"), "Nuts &amp; &lt;Bolts&gt;"
    slack = blocks_of(message)
    assert slack["text"] == f"Warning: A payment failed · {said}"
    assert slack["blocks"] == [*blocks_of(HELLO)["blocks"], context(f"Workspace: {said}")]
    assert html_of(message) == f"{html_of(HELLO)}\n\n<i>Workspace: {said}</i>"
    mail, unsigned = (TRANSPORTS["email"].render(one) for one in (message, HELLO))
    assert mail["subject"] == "Warning: A payment failed · Nuts & <Bolts>"
    assert mail["text"] == unsigned["text"].replace("your workspace", "the workspace Nuts & <Bolts>")
    assert mail["html"] == unsigned["html"].replace("your workspace", f"the workspace {said}")
    assert "the workspace Nuts" in mail["text"]
    assert said in mail["html"]


def test_who_names_the_workspace_is_not_signed() -> None:
    message = Message("Acme, Tue 10 Mar 2026", names_workspace=True)
    assert message.signed("Acme") == message
    assert Message.of(message.document()) == message


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme", "Acme"),
        ("Acme Inc.", "Acme Inc."),
        ("Booking.com B.V.", "Booking.~com B.~V."),
        ("https://evil.example/now", "https:~/~/~evil.~example/~now"),
        ("win@evil.example /start #1", "win@~evil.~example /~start #~1"),
        ("5\u202e00.4\r\nBcc: x", "5 00.~4 Bcc: x"),
    ],
)
def test_a_name_becomes_no_link(name: str, said: str) -> None:
    message, broken = HELLO.signed(name), said.replace("~", "\u200b")
    assert blocks_of(message)["blocks"][-1] == context(f"Workspace: {broken}")
    assert html_of(message).endswith(f"</a>\n\n<i>Workspace: {broken}</i>")
    mail = TRANSPORTS["email"].render(message)
    assert mail["subject"] == f"Warning: A payment failed · {said.replace('~', '')}"
    for part in ("text", "html"):
        assert f"the workspace {broken}." in mail[part]


def test_of_a_long_subject_the_heading_is_cut() -> None:
    subject = TRANSPORTS["email"].render(Message("x" * 300).signed("Acme"))["subject"]
    assert subject == "x" * 192 + "… · Acme"
    assert TRANSPORTS["email"].render(Message("x" * 300))["subject"] == "x" * 199 + "…"


def test_a_bot_unfurls_nothing() -> None:
    payload = TRANSPORTS["slack_bot"].render(HELLO)
    assert (payload["unfurl_links"], payload["unfurl_media"]) == (False, False)


def test_telegram_html_exactly() -> None:
    assert TRANSPORTS["telegram"].render(HELLO) == {
        "text": "<b>Warning: A payment failed</b>\n\n49.00 USD of Ada\n\n<b>Attempt:</b> 2\n\n"
        '<a href="https://pq.example.com/w/acme/live/customers/cus_1/">See the customer</a>',
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }


FOOTER = "PQ Intel\nSent to a channel of your workspace. Its members change channels under Settings › Channels.\n"


def test_mail_exactly() -> None:
    payload = TRANSPORTS["email"].render(HELLO)
    assert payload["subject"] == "Warning: A payment failed"
    assert payload["text"] == (
        "Warning: A payment failed\n\n49.00 USD of Ada\n\nAttempt: 2\n\n"
        "See the customer: https://pq.example.com/w/acme/live/customers/cus_1/\n\n" + FOOTER
    )
    assert '<a href="https://pq.example.com/w/acme/live/customers/cus_1/"' in payload["html"]


def test_a_second_link_stands_beside_the_first_everywhere() -> None:
    stripe = Link("https://dashboard.stripe.com/customers/cus_1?a=1&b=2", "Open it at Stripe")
    message = replace(HELLO, also=stripe)
    first = "<https://pq.example.com/w/acme/live/customers/cus_1/|See the customer>"
    second = "<https://dashboard.stripe.com/customers/cus_1?a=1&amp;b=2|Open it at Stripe>"
    assert blocks_of(message)["blocks"][-1] == section(f"{first} · {second}")
    second = '<a href="https://dashboard.stripe.com/customers/cus_1?a=1&amp;b=2">Open it at Stripe</a>'
    assert html_of(message).endswith(f'">See the customer</a> · {second}')
    mail = TRANSPORTS["email"].render(message)
    assert mail["text"].endswith(
        "See the customer: https://pq.example.com/w/acme/live/customers/cus_1/\n"
        "Open it at Stripe: https://dashboard.stripe.com/customers/cus_1?a=1&b=2\n\n" + FOOTER
    )
    assert '<a href="https://dashboard.stripe.com/customers/cus_1?a=1&amp;b=2"' in mail["html"]


def test_a_message_that_was_kept_by_an_earlier_version_is_read() -> None:
    kept = HELLO.document()
    del kept["also"], kept["names_workspace"]
    assert Message.of(kept) == HELLO


def test_test_mode_is_said_first() -> None:
    message = Message("A payment failed", severity=Severity.CRITICAL, mode=Mode.TEST)
    assert blocks_of(message)["text"] == "[Test mode] Critical: A payment failed"
    assert html_of(message) == "<b>[Test mode] Critical: A payment failed</b>"
    assert TRANSPORTS["email"].render(message)["subject"] == "[Test mode] Critical: A payment failed"


def test_what_comes_from_outside_is_only_text() -> None:
    message = Message(EVIL, lines=(EVIL,), fields=((EVIL, EVIL),), link=Link("https://pq.example.com/?a=1&b=2", EVIL))
    slack = blocks_of(message)
    said = "&lt;!channel&gt; &lt;https://evil.example|x&gt; &amp; &lt;b&gt;{{ 7*7 }}&lt;/b&gt; {0.__class__} $x"
    assert slack["text"] == said
    assert slack["blocks"][0] == section(f"*{said}*")
    assert slack["blocks"][1] == section(said)
    assert slack["blocks"][2]["fields"][0]["text"] == f"*{said}*\n{said}"
    assert slack["blocks"][3] == section(f"<https://pq.example.com/?a=1&amp;b=2|{said.replace('|', '¦')}>")
    text = html_of(message)
    assert text.count("<b>") == 2
    assert html.escape(EVIL) in text
    assert "<!channel>" not in text
    mail = TRANSPORTS["email"].render(message)
    assert mail["subject"] == EVIL
    assert "<!channel>" not in mail["html"]
    assert "{{ 7*7 }}" in mail["html"]


def test_no_line_of_a_title_gets_into_a_header() -> None:
    message = Message(
        "A\r\nBcc: everybody@example.com\x00\u2028", lines=("one\ntwo\x00",), fields=(("a\nb", "c\r\nd"),)
    )
    assert message.title == "A Bcc: everybody@example.com"
    assert message.lines == ("one\ntwo ",)
    assert message.fields == (("a b", "c d"),)
    assert Message("5\u202e00.4$\u202c \u2066paid\u2069").title == "5 00.4$   paid"
    assert Message("x", lines=("a\u202eb",), fields=(("c", "\u2067d"),)).document()["lines"] == ["a b"]
    assert Message("lone \ud800 surrogate").title == "lone ? surrogate"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "/w/acme/", "https://a.example/ b", 'https://a.example/"x', "ftp://a"]
)
def test_a_link_is_an_absolute_address(url: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        Link(url, "x")


@given(
    st.builds(
        Message,
        title=st.text(max_size=400),
        lines=st.lists(st.text(max_size=4000), max_size=60).map(tuple),
        fields=st.lists(st.tuples(st.text(max_size=120), st.text(max_size=2500)), max_size=40).map(tuple),
        link=st.none() | st.just(Link("https://pq.example.com/", "See it")),
        also=st.none() | st.just(Link("https://stripe.example.com/", "There")),
        severity=st.sampled_from(Severity),
        mode=st.none() | st.sampled_from(Mode),
        names_workspace=st.booleans(),
    ),
    st.text(max_size=120),
)
def test_every_message_is_within_every_limit_and_comes_back_as_it_was(message: Message, workspace: str) -> None:
    assert Message.of(message.document()) == message
    message = message.signed(workspace)
    slack = blocks_of(message)
    assert len(slack["blocks"]) <= 50
    texts = [block["text"]["text"] for block in slack["blocks"] if "text" in block]
    assert max(len(text) for text in texts) <= 3000
    fields = [block["fields"] for block in slack["blocks"] if "fields" in block]
    assert all(len(some) <= 10 for some in fields)
    assert all(len(field["text"]) <= 2000 for some in fields for field in some)
    text = html_of(message)
    assert units(text) <= 4096
    assert text.count("<b>") == text.count("</b>")
    labels = [link.label for link in message.links]
    assert [label for label in ("See it", "There") if f"|{label}>" in texts[-1]] == labels
    assert units(TRANSPORTS["email"].render(message)["subject"]) <= 200
    assert [block["type"] for block in slack["blocks"]].count("context") == bool(message.workspace)
    assert text.endswith("</i>") == bool(message.workspace)
    assert [label for label in ("See it", "There") if f'">{label}</a>' in text] == labels


@given(st.text(alphabet="a&<>é😀", max_size=40), st.integers(1, 60))
def test_fitting_cuts_no_escape_in_two(text: str, limit: int) -> None:
    fitted = fit(text, limit, slack_escape)
    assert units(fitted) <= limit
    back = fitted.removesuffix("…").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert text.startswith(back)
    assert fitted.endswith("…") == (slack_escape(text) != fitted)
