"""Forms about letters: the question, the sender, a text. They judge what is typed and contact nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from django import forms

from dunning.models import LetterKind, Sender

from .kinds import SWITCHED_BY_POLICY
from .texts import KnownText, Text
from .wording import LONGEST_BODY, LONGEST_SUBJECT, Unusable, check_body, check_subject

_NO_NAME: Final = re.compile(r"[\x00-\x1f\x7f<>@\"\\\u2028\u2029]")


class AnswerForm(forms.Form):
    """Shall customers get letters? "Yes" is preselected until somebody has answered."""

    wanted = forms.ChoiceField(
        label="Shall your customers get letters?",
        choices=[
            ("yes", "Yes, write to my customers"),
            ("no", "No, my customers get no letters from PQ Intel"),
        ],
        initial="yes",
        widget=forms.RadioSelect,
    )

    @property
    def answer(self) -> bool:
        return bool(self.cleaned_data["wanted"] == "yes")


class SenderForm(forms.Form):
    """Who letters are from."""

    name = forms.CharField(
        label="Name", required=False, max_length=80, help_text="Whom letters are from. Empty: the workspace’s name."
    )
    reply_to = forms.EmailField(
        label="Answers go to",
        required=False,
        max_length=254,
        help_text="Customers answer letters: somebody should read that.",
    )
    address = forms.EmailField(
        label="Your own sender address",
        required=False,
        max_length=254,
        help_text="A link is mailed there. Until it was opened, letters are sent from PQ Intel’s address. Your domain "
        "has to allow PQ Intel’s mail server (SPF, DKIM), or mail programs will distrust it.",
    )

    def __init__(self, sender: Sender, given: Any = None) -> None:
        known = {"name": sender.name, "reply_to": sender.reply_to, "address": sender.address}
        super().__init__(given, initial=known)

    def clean_name(self) -> str:
        name = " ".join(str(self.cleaned_data["name"]).split(" "))
        if _NO_NAME.search(name):
            raise forms.ValidationError('A name has no line breaks, and none of the characters < > @ " \\.')
        return name.strip()


class TextForm(forms.Form):
    """A kind's text. What cannot be used is said where it was typed."""

    enabled = forms.BooleanField(label="Send letters of this kind", required=False)
    subject = forms.CharField(label="Subject", strip=False, max_length=LONGEST_SUBJECT)
    body = forms.CharField(
        label="Text",
        max_length=LONGEST_BODY,
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text="Plain text; an empty line begins a paragraph. A paragraph with a placeholder that a letter knows "
        "nothing for is left out.",
    )

    def __init__(self, known: KnownText, given: Any = None) -> None:
        self.kind: LetterKind = known.kind
        super().__init__(given, initial={"enabled": known.enabled, **known.text})
        if known.kind in SWITCHED_BY_POLICY:
            del self.fields["enabled"]

    def clean_subject(self) -> str:
        return self._checked("subject", check_subject)

    def clean_body(self) -> str:
        return self._checked("body", check_body)

    @property
    def text(self) -> Text:
        """The text of a valid form."""
        return {"subject": self.cleaned_data["subject"], "body": self.cleaned_data["body"]}

    def _checked(self, name: str, check: Callable[[LetterKind, str], str]) -> str:
        try:
            return check(self.kind, str(self.cleaned_data[name]))
        except Unusable as refusal:
            raise forms.ValidationError(str(refusal)) from None
