"""What an event teaches besides the state of its object, as it is gathered."""

from __future__ import annotations

from collections.abc import Container

from billing.snapshots import CatalogueEntry, Fact


class Lesson:
    """Collects catalogue entries, links, facts and wants; each once, in the order met."""

    __slots__ = ("_catalogue", "_links", "_wanted", "facts")

    def __init__(self) -> None:
        self._catalogue: dict[CatalogueEntry, None] = {}
        self._links: dict[tuple[str, str], None] = {}
        self._wanted: dict[tuple[str, str], None] = {}
        self.facts: list[Fact] = []

    def entry(self, entry: CatalogueEntry) -> None:
        self._catalogue[entry] = None

    def link(self, invoice: str | None, payment: str | None) -> None:
        """That `payment` pays `invoice`, where the payload names both."""
        if invoice and payment:
            self._links[invoice, payment] = None

    def want(self, what: str, identity: str) -> None:
        """That only a read of the API can tell `what` (the forms are `billing.snapshots.Learned.wanted`'s)."""
        self._wanted[what, identity] = None

    def unwant(self, identities: Container[str | None]) -> None:
        """That those objects were just read: what they leave open, no read of them can tell."""
        self._wanted = {want: None for want in self._wanted if want[1] not in identities}

    @property
    def catalogue(self) -> tuple[CatalogueEntry, ...]:
        return tuple(self._catalogue)

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._links)

    @property
    def wanted(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._wanted)
