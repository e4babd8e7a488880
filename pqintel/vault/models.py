"""The one table of the vault: a canary per key, so that a wrong key is found at boot and not at the first delivery."""

from django.db import models
from django.utils import timezone


class Canary(models.Model):
    """A known text sealed with one key. Belongs to no workspace; a key id without its canary was never used here."""

    key_id = models.CharField(max_length=100, unique=True)
    sealed = models.BinaryField()
    planted_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "canaries"

    def __str__(self) -> str:
        return self.key_id
