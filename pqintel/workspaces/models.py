"""People and tenants. Users, workspaces and memberships lie outside row-level security: they decide who may enter."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now

from .roles import Permission, Role, may
from .tenancy import TenantModel

TRIAL_DAYS = 14
INVITATION_DAYS = 7


class UserManager(BaseUserManager["User"]):
    """Creates users by email; there are no user names."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by email. `stripe_account_limit` bounds how many accounts their workspaces connect (P4)."""

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False, help_text="May enter the admin.")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=now)
    stripe_account_limit = models.PositiveSmallIntegerField(default=5)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = (models.UniqueConstraint(Lower("email"), name="user_email_unique"),)

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] if self.name else self.email


def trial_end() -> datetime:
    """When the trial of a workspace made now is over (P5: 14 days of Growth without a card)."""
    return now() + timedelta(days=TRIAL_DAYS)


class Workspace(models.Model):
    """A tenant."""

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=120)
    timezone = models.CharField(
        max_length=64, default="UTC", help_text="IANA name; days in reports begin at its midnight."
    )
    trial_ends_at = models.DateTimeField(default=trial_end)
    created_at = models.DateTimeField(default=now, editable=False)
    members = models.ManyToManyField(User, through="Membership", related_name="workspaces")

    class Meta:
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A user's role in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(r.value, r.value.title()) for r in Role])
    joined_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "user"), name="membership_unique"),)
        ordering = ("joined_at", "pk")

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace} ({self.role})"

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)


def invitation_end() -> datetime:
    """When an invitation sent now is no longer good."""
    return now() + timedelta(days=INVITATION_DAYS)


class Invitation(TenantModel):
    """An offer to join, sent by email. Only a hash of the link's secret is kept."""

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=[(r.value, r.value.title()) for r in Role])
    token_hash = models.BinaryField(max_length=32)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(default=invitation_end)
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("workspace", "token_hash"), name="invitation_token_unique"),)
        ordering = ("-created_at", "pk")

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"

    @staticmethod
    def new_token() -> str:
        return secrets.token_urlsafe(32)

    @staticmethod
    def hash(token: str) -> bytes:
        return hashlib.sha256(token.encode()).digest()

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.revoked_at is None and now() < self.expires_at
