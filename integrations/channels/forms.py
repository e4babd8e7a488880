"""Forms that add a channel, one for each kind. They judge what is typed and contact nobody; secrets are not echoed."""

from __future__ import annotations

import re
from typing import Any, Final

from django import forms
from django.views.decorators.debug import sensitive_variables

from integrations.models import ChannelKind
from pqintel.vault import Secret

from .roster import Wanted
from .transports import slack, telegram

BOT_TOKEN: Final = re.compile(r"xoxb-[A-Za-z0-9-]{20,200}")
SLACK_CHANNEL: Final = re.compile(r"[CG][A-Z0-9]{8,20}")
CHAT: Final = re.compile(r"-?[0-9]{1,19}|@[A-Za-z][A-Za-z0-9_]{3,31}")


class SecretField(forms.CharField):
    """A credential: its input is never filled in again by us. htmx leaves what was typed in the browser."""

    def __init__(self, *, label: str, help_text: str, max_length: int = 300) -> None:
        widget = forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}
        )
        super().__init__(label=label, help_text=help_text, max_length=max_length, widget=widget)


class ChannelForm(forms.Form):
    """What every kind asks for: a name."""

    kind: ChannelKind
    secret_name = ""
    target_name = ""

    name = forms.CharField(max_length=80, help_text="How this channel is called here.")

    field_order = ("name",)

    def clean_name(self) -> str:
        return " ".join(str(self.cleaned_data["name"]).split())

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Have htmx leave a right secret in its input, when the form comes back for another reason."""
        given = super().clean() or {}
        if self.secret_name and given.get(self.secret_name):
            self.fields[self.secret_name].widget.attrs["hx-preserve"] = "true"
        return given

    @property
    def wanted(self) -> Wanted:
        """The channel that a valid form asks for."""
        given = self.cleaned_data
        secret = Secret(given[self.secret_name]) if self.secret_name else None
        target = given[self.target_name] if self.target_name else ""
        return Wanted(self.kind, given["name"], target, secret)


class WebhookForm(ChannelForm):
    kind = ChannelKind.SLACK_WEBHOOK
    secret_name = "url"  # noqa: S105 - the name of a field

    url = SecretField(
        label="Webhook URL",
        help_text="At Slack: your app, Incoming Webhooks. It begins https://hooks.slack.com/services/",
    )

    @sensitive_variables()
    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        if slack.WEBHOOK.fullmatch(url):
            return url
        if url.startswith(("https://hooks.slack.com/workflows/", "https://hooks.slack.com/triggers/")):
            raise forms.ValidationError("This is the URL of a workflow. An incoming webhook’s has /services/ in it.")
        raise forms.ValidationError("This is not a webhook of Slack’s. It begins https://hooks.slack.com/services/T…")


class BotForm(ChannelForm):
    kind = ChannelKind.SLACK_BOT
    secret_name, target_name = "token", "channel"

    token = SecretField(label="Bot token", help_text="At Slack: your app, OAuth & Permissions. It begins xoxb-")
    channel = forms.CharField(
        label="Channel id",
        max_length=30,
        help_text="At the end of the channel’s details, for example C0123456789. Invite the bot there.",
    )

    @sensitive_variables()
    def clean_token(self) -> str:
        token = str(self.cleaned_data["token"])
        if BOT_TOKEN.fullmatch(token):
            return token
        if token.startswith("xox"):
            raise forms.ValidationError("This is another kind of token. A bot’s begins xoxb-.")
        raise forms.ValidationError("This is not a token of Slack’s. A bot’s begins xoxb-.")

    def clean_channel(self) -> str:
        channel = str(self.cleaned_data["channel"])
        if channel.startswith("#"):
            raise forms.ValidationError("This is the channel’s name. Its id looks like C0123456789.")
        if not SLACK_CHANNEL.fullmatch(channel):
            raise forms.ValidationError("A channel’s id begins with C or G and has capital letters and digits only.")
        return channel


class TelegramForm(ChannelForm):
    kind = ChannelKind.TELEGRAM
    secret_name, target_name = "token", "chat"

    token = SecretField(label="Bot token", help_text="@BotFather gives it: digits, a colon, 35 letters.")
    chat = forms.CharField(
        label="Chat id",
        required=False,
        max_length=40,
        help_text="Leave it empty to choose from the chats where the bot was spoken to.",
    )

    @sensitive_variables()
    def clean_token(self) -> str:
        token = str(self.cleaned_data["token"])
        if not telegram.TOKEN.fullmatch(token):
            raise forms.ValidationError("This is not a bot’s token. It is digits, a colon, and 35 letters.")
        return token

    def clean_chat(self) -> str:
        return chat_id(str(self.cleaned_data["chat"]))


class EmailForm(ChannelForm):
    kind = ChannelKind.EMAIL
    target_name = "address"

    address = forms.EmailField(
        label="Address", max_length=254, help_text="A link is mailed there. Nothing else is, before it was opened."
    )


class ChatForm(forms.Form):
    """Which chat a Telegram channel writes to."""

    chat = forms.CharField(label="Chat id", max_length=40, help_text="A number, negative for groups; or @name.")

    def clean_chat(self) -> str:
        return chat_id(str(self.cleaned_data["chat"]))


def chat_id(text: str) -> str:
    """A chat's id as typed. Raises ValidationError."""
    if text and not CHAT.fullmatch(text):
        raise forms.ValidationError("A chat’s id is a number, negative for groups, or the @name of a public channel.")
    return text


FORMS: Final[dict[str, type[ChannelForm]]] = {
    form.kind: form for form in (WebhookForm, BotForm, TelegramForm, EmailForm)
}
