"""Texts with placeholders: what may be typed, and what comes of it."""

from __future__ import annotations

from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunning.letters.kinds import ALLOWED, PLACEHOLDERS
from dunning.letters.texts import DEFAULTS
from dunning.letters.wording import Piece, Unusable, check_body, check_subject, fill, name_to_greet
from dunning.models import LetterKind

REMINDER = LetterKind.REMINDER_1
URL = "https://invoice.stripe.com/i/acct_1/test_1?s=ap"


@pytest.mark.parametrize("kind", list(LetterKind))
def test_our_own_texts_are_usable_and_name_no_more_than_they_may(kind: LetterKind) -> None:
    ours = DEFAULTS[kind]
    assert check_subject(kind, ours["subject"]) == ours["subject"]
    assert check_body(kind, ours["body"]) == ours["body"]
    everything = fill(ours["subject"], ours["body"], dict.fromkeys(PLACEHOLDERS, "something"), URL)
    for word in ("lost", "stolen", "fraud", "$"):
        assert word not in (everything.subject + everything.text).lower()


@pytest.mark.parametrize("kind", list(LetterKind))
def test_every_paragraph_of_ours_begins_like_a_sentence(kind: LetterKind) -> None:
    """Also the first: who has no name is not greeted, and the letter begins with it."""
    paragraphs = DEFAULTS[kind]["body"].split("\n\n")
    assert [text for text in paragraphs if not (text[0].isupper() or text.startswith("$"))] == []


def test_every_placeholder_is_explained() -> None:
    assert {name for names in ALLOWED.values() for name in names} == set(PLACEHOLDERS)


def test_values_are_filled_in_and_the_link_is_one() -> None:
    wording = fill(
        "Open: $amount",
        "Hello $customer_name,\n\nplease pay ${amount}:\n\n$payment_link",
        {"customer_name": "Ada", "amount": "49.00 USD"},
        URL,
    )
    assert wording.subject == "Open: 49.00 USD"
    assert wording.text == f"Hello Ada,\n\nplease pay 49.00 USD:\n\n{URL}\n"
    assert wording.paragraphs[2] == (Piece(URL, URL),)


def test_several_pages_are_a_line_each_and_one_is_the_link() -> None:
    pages = [("A-1: $49.00", f"{URL}1"), ("A-2:\r\n$20.00", f"{URL}2"), ("A-3: $1.00", "javascript:alert(1)")]
    several = fill("x", "Pay:\n\n$payment_link", {}, URL, pages)
    assert several.text == f"Pay:\n\nA-1: $49.00 {URL}1\nA-2: $20.00 {URL}2\n"
    assert several.paragraphs[1] == (
        Piece("A-1: $49.00 "),
        Piece(f"{URL}1", f"{URL}1"),
        Piece("\n"),
        Piece("A-2: $20.00 "),
        Piece(f"{URL}2", f"{URL}2"),
    )
    assert fill("x", "Pay:\n\n$payment_link", {}, URL, pages[:1]).text == f"Pay:\n\n{URL}\n"


def test_what_is_not_known_leaves_its_paragraph_out_but_never_the_subject() -> None:
    wording = fill("Open: $amount now", "Hello $customer_name,\n\n$reason Please pay.\n\nBye", {"reason": ""}, None)
    assert wording.subject == "Open: now"
    assert wording.text == "Bye\n"


def test_values_are_not_read_for_placeholders_again() -> None:
    facts = {"customer_name": "$payment_link {{ amount }} {0.__class__} $$", "amount": "1.00 USD"}
    wording = fill("$customer_name", "$customer_name", facts, URL)
    assert wording.text == "$payment_link {{ amount }} {0.__class__} $$\n"
    assert wording.subject == "$payment_link {{ amount }} {0.__class__} $$"
    assert [piece.url for piece in wording.paragraphs[0]] == [""]


@pytest.mark.parametrize(
    "name",
    ["Ada Lovelace", "Booking.com B.V.", "St. Mary’s", "J.R.R. Tolkien and sons, Oxford", "山田 太郎", "A/B GmbH"],
)
def test_a_name_is_greeted(name: str) -> None:
    assert name_to_greet(name) == name


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "You have won: https://prize.example/1",
        "www.prize.example",
        "Prizes at bit.ly/3xYz",
        "go to prize.example and win",
        "HTTPS://PRIZE.EXAMPLE",
        "w" * 101,
    ],
)
def test_what_somebody_wants_to_have_sent_is_no_name(name: str | None) -> None:
    assert name_to_greet(name) == ""


def test_a_value_does_not_turn_the_words_around_it() -> None:
    wording = fill("Open: $amount", "For $plan.", {"amount": "\u202e00.94$", "plan": "\u2067Gold\u2069"}, None)
    assert (wording.subject, wording.text) == ("Open: 00.94$", "For Gold.\n")


def test_line_breaks_in_values_do_not_reach_a_header() -> None:
    wording = fill("Hello $customer_name", "x", {"customer_name": "Ada\r\nBcc: all@example.com\x00"}, None)
    assert wording.subject == "Hello Ada Bcc: all@example.com"


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("Hello\r\nBcc: all@example.com", "A subject is one line."),
        ("Hello\x0b", "A subject is one line."),
        ("   ", "A letter needs a subject."),
        ("x" * 151, "A subject has 150 characters at most."),
        ("For $5", "A dollar sign stands before a placeholder. Write $$ for the sign itself."),
        ("Pay at $payment_link", "$payment_link is for the text; a subject cannot be a link."),
    ],
)
def test_subjects_that_cannot_be_used(subject: str, reason: str) -> None:
    with pytest.raises(Unusable) as refused:
        check_subject(REMINDER, subject)
    assert str(refused.value) == reason


def test_unknown_placeholders_are_refused_by_name() -> None:
    with pytest.raises(Unusable) as refused:
        check_body(LetterKind.RECOVERED, "Thanks, $costumer_name. ${amount}")
    assert str(refused.value) == (
        "$costumer_name is no placeholder of this letter. There are: $customer_name, $workspace_name, $amount, $plan, "
        "$invoice_number, $date."
    )
    with pytest.raises(Unusable, match=r"\$payment_link is no placeholder"):
        check_body(LetterKind.WELCOME, "$payment_link")
    with pytest.raises(Unusable, match=r"\$Amount is no placeholder"):
        check_body(REMINDER, "$Amount")


def test_other_languages_of_templates_stand_for_themselves() -> None:
    body = "{{ settings.SECRET_KEY }} {0.__class__} {% include 'x' %} %(amount)s $$5 <b>"
    assert check_body(REMINDER, body) == body
    assert fill("x", body, {}, None).text == body.replace("$$", "$") + "\n"


@pytest.mark.parametrize(
    "url",
    [None, "", "http://invoice.stripe.com/x", "javascript:alert(1)", "https://", "https://x y", "https://[", "//x.com"],
)
def test_only_https_addresses_are_links(url: str | None) -> None:
    assert fill("x", "Pay: $payment_link\n\nBye", {}, url).text == "Bye\n"


@given(
    kind=st.sampled_from(list(LetterKind)),
    body=st.text(st.sampled_from("ab$ {}\n<_") | st.characters(), max_size=60),
    value=st.text(max_size=20),
)
def test_what_is_accepted_can_be_filled_in(kind: LetterKind, body: str, value: str) -> None:
    try:
        kept = check_body(kind, body)
    except Unusable:
        return
    assert check_body(kind, kept) == kept
    assert set(Template(kept).get_identifiers()) <= set(ALLOWED[kind])
    wording = fill(kept[:50], kept, dict.fromkeys(ALLOWED[kind], value), value)
    assert "\n" not in wording.subject
    assert all(piece.url in ("", value) for paragraph in wording.paragraphs for piece in paragraph)
