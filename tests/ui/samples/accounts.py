"""Sample contexts for allauth's pages."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from allauth.account.forms import AddEmailForm, ChangePasswordForm, LoginForm, ResetPasswordForm, SignupForm
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django import forms

from .shell import USER, Page, nav

QR = (
    "data:image/svg+xml;utf8,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E"
    "%3Cpath d='M0 0h3v3H0zM5 0h3v3H5zM0 5h3v3H0zM4 4h1v1H4zM6 6h2v2H6z'/%3E%3C/svg%3E"
)


class CodeForm(forms.Form):
    code = forms.CharField(label="Authenticator code")
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def pages() -> Iterator[tuple[str, Page]]:
    """Every account page that is written by hand, and one of allauth's own to prove the elements."""
    links = {"signup_url": "/accounts/signup/", "login_url": "/accounts/login/"}
    signed_in: dict[str, Any] = {"user": USER, "nav": nav(section="account", workspace=None)}
    yield "login", Page("account/login.html", {"form": LoginForm(), **links})
    yield "login-refused", Page("account/login.html", {"form": BadLogin({"login": "nobody"}), **links})
    yield "signup", Page("account/signup.html", {"form": SignupForm(), **links})
    yield "logout", Page("account/logout.html", signed_in)
    yield "password-reset", Page("account/password_reset.html", {"form": ResetPasswordForm()})
    yield "password-reset-done", Page("account/password_reset_done.html")
    yield "password-from-key-failed", Page("account/password_reset_from_key.html", {"token_fail": True})
    yield "password-changed", Page("account/password_reset_from_key_done.html")
    yield "verification-sent", Page("account/verification_sent.html")
    yield "email-confirm-failed", Page("account/email_confirm.html")
    yield "inactive", Page("account/account_inactive.html")
    yield "signup-closed", Page("account/signup_closed.html")
    yield "two-factor", Page("mfa/authenticate.html", {"form": AuthenticateForm(user=USER)})
    yield "reauthenticate", Page("mfa/reauthenticate.html", {"form": ReauthenticateForm(user=USER)})
    yield "password", Page("account/password_change.html", {**signed_in, "form": ChangePasswordForm(user=None)})
    yield "email-addresses", Page("account/email.html", {**signed_in, **addresses(), "form": AddEmailForm(user=None)})
    changing = {
        "current_emailaddress": address("ada@northwind.example"),
        "new_emailaddress": address("ada@new.example"),
    }
    yield "email-change", Page("account/email_change.html", {**signed_in, **changing, "form": AddEmailForm(user=None)})
    codes = SimpleNamespace(get_unused_codes=[0] * 7)
    both = {"authenticators": {"totp": True, "recovery_codes": codes}, "is_mfa_enabled": True}
    yield "mfa", Page("mfa/index.html", {**signed_in, **both})
    yield "mfa-off", Page("mfa/index.html", {**signed_in, "authenticators": {}})
    yield (
        "mfa-activate",
        Page("mfa/totp/activate_form.html", {**signed_in, "form": CodeForm(), "totp_svg_data_uri": QR}),
    )
    yield "mfa-deactivate", Page("mfa/totp/deactivate_form.html", {**signed_in, "form": forms.Form()})
    shown = {"unused_codes": [f"{n:08d}" for n in range(10203040, 10203050)], "total_count": 10}
    may = {"can_view_codes": True, "can_download_codes": True, "can_generate_codes": True}
    yield "recovery-codes", Page("mfa/recovery_codes/index.html", {**signed_in, **shown, **may})
    yield (
        "recovery-codes-new",
        Page("mfa/recovery_codes/generate.html", {**signed_in, "form": forms.Form(), "unused_code_count": 3}),
    )


class BadLogin(forms.Form):
    """A sign-in that was refused."""

    login = forms.EmailField(label="Email")
    password = forms.CharField(widget=forms.PasswordInput)

    def clean(self) -> None:
        self.add_error(None, "The email address and password do not match.")


def address(email: str, *, primary: bool = False, verified: bool = True) -> SimpleNamespace:
    return SimpleNamespace(email=email, primary=primary, verified=verified)


def addresses() -> dict[str, Any]:
    both = [address("ada@northwind.example", primary=True), address("ada@new.example", verified=False)]
    radios = [SimpleNamespace(id=f"email_{n}", checked=one.primary, emailaddress=one) for n, one in enumerate(both)]
    return {"emailaddresses": both, "emailaddress_radios": radios, "can_add_email": True}
