"""Forms of accounts and workspaces."""

from django import forms


class SignupForm(forms.Form):
    """Fields that sign-up asks beside email and password."""

    def signup(self, request, user):  # type: ignore[no-untyped-def]
        return user
