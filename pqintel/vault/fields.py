"""A model field whose column holds ciphertext and whose attribute gives a `Secret`, opened when it is read.

The field machinery is django-fernet-fields'; the cipher is ours, because Fernet is AES-128 and knows nothing of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.query_utils import DeferredAttribute
from fernet_fields import EncryptedTextField

from .cipher import SealError, ring
from .secret import Secret


class Sealed(bytes):
    """Ciphertext as it lies in the column."""

    __slots__ = ()


class SealedAttribute(DeferredAttribute):
    """Opens the ciphertext when the attribute is read; a data descriptor, so that assignments pass through it."""

    field: SealedTextField

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed) and instance is not None:
            return Secret(ring().unseal(value, *self.field.place(instance)).decode())
        return Secret(value) if isinstance(value, str) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedTextField(EncryptedTextField):
    """Text sealed to (table, column, workspace, row). The row needs its id and workspace first: use a UUID key.

    Reading gives a `Secret` (or None); assign plain text or a Secret. Write through save(), not update().

    Raises:
        SealError: on reading, when the key is missing or the ciphertext belongs elsewhere; on writing without id.
    """

    descriptor_class = SealedAttribute

    if TYPE_CHECKING:  # what a row's attribute gives and takes: a Secret (or None), text or a Secret

        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Any, value: str | Secret | None) -> None: ...

    def place(self, row: Any) -> tuple[object, ...]:
        if row.pk is None or row.workspace_id is None:
            raise SealError(f"{self.name}: the row needs its id and workspace before a secret can be sealed for it.")
        return (row._meta.db_table, self.column, row.workspace_id, row.pk)

    def from_db_value(self, value: Any, *_: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def to_python(self, value: Any) -> Any:
        return value

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        raw = model_instance.__dict__.get(self.attname)
        if raw is None or isinstance(raw, Sealed):
            return raw
        text = raw.reveal() if isinstance(raw, Secret) else str(raw)
        sealed = Sealed(ring().seal(text.encode(), *self.place(model_instance)))
        model_instance.__dict__[self.attname] = sealed
        return sealed

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise SealError(f"{self.name}: write through save() or bulk_create(), not update().")
        return connection.Database.Binary(bytes(value))


class SealedBytesField(models.BinaryField):  # type: ignore[type-arg]  # generic for mypy alone
    """Bytes that their writer seals by hand, to (table, column, workspace, `identity`): reading gives the ciphertext.

    For rows written by the thousand or by a function of the database. It says where the values lie, so that a new key
    reaches them; the column itself is a plain BinaryField's.
    """

    def __init__(self, *args: Any, identity: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.identity = identity

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.BinaryField", args, kwargs

    def clone(self) -> SealedBytesField:
        _, _, args, kwargs = self.deconstruct()
        return type(self)(*args, identity=self.identity, **kwargs)

    def place(self, row: Any) -> tuple[object, ...]:
        return (row._meta.db_table, self.column, row.workspace_id, getattr(row, self.identity))
