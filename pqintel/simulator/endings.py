"""Pausing, ending and un-ending subscriptions; trials cut short; customers deleted."""

from __future__ import annotations

from dataclasses import replace

from .billing_cycle import next_boundary
from .changes import Changes
from .ledger import RefusedError, verb
from .state import CancellationReason, Customer, PauseBehavior, PauseCollection, Subscription


class Endings(Changes):
    """Verbs that stop a subscription, for a while or for good."""

    @verb
    def pause(
        self, subscription: str, behavior: PauseBehavior = "void", *, resumes_at: int | None = None
    ) -> Subscription:
        """Pause collection (`pause_collection`), until `resumes_at` (Unix seconds) if given; the status stays.

        Emits customer.subscription.updated.
        """
        found = self._change(
            self.running(subscription), pause_collection=PauseCollection(behavior=behavior, resumes_at=resumes_at)
        )
        if resumes_at is not None:
            self.clock.schedule(resumes_at, self._resume_collection_due, subscription, resumes_at)
        return found

    @verb
    def resume(self, subscription: str) -> Subscription:
        """Resume collection; or, when the *status* is paused, begin a new period now, bill it and become active.

        Emits customer.subscription.updated, and customer.subscription.resumed in the second case.
        """
        found = self.running(subscription)
        if found.status != "paused":
            return self._change(found, pause_collection=None)
        items = tuple(
            replace(
                item,
                current_period_start=self.now,
                current_period_end=next_boundary(self.now, item.price.interval, item.price.interval_count, self.now),
            )
            for item in found.items
        )
        begun = replace(found, status="active", items=items, billing_cycle_anchor=self.now)
        invoice = self._invoice_items(begun, items, "subscription_update")
        begun = self._change(
            found, status="active", items=items, billing_cycle_anchor=self.now, latest_invoice=invoice.id
        )
        self.emit("customer.subscription.resumed", begun)
        self._advance_draft(invoice, counted=True)
        self._schedule_renewals(begun, items)
        return self.subscriptions[subscription]

    @verb
    def schedule_cancel(
        self,
        subscription: str,
        *,
        at: int | None = None,
        portal: bool = False,
        feedback: str | None = None,
        comment: str | None = None,
    ) -> Subscription:
        """Have the subscription end at `at` (Unix seconds), by default with its period.

        `portal`: as the customer portal does for flexible subscriptions, which sets `cancel_at` to the period's end
        and leaves `cancel_at_period_end` false. Emits customer.subscription.updated now; at the end
        customer.subscription.deleted.
        """
        found = self.running(subscription)
        ends = found.current_period_end if at is None else at
        if ends <= self.now:
            raise RefusedError("a scheduled end lies in the future")
        found = self._change(
            found,
            cancel_at=ends,
            cancel_at_period_end=at is None and not portal,
            canceled_at=self.now,
            cancellation_reason="cancellation_requested",
            cancellation_feedback=feedback,
            cancellation_comment=comment,
        )
        self.clock.schedule(ends, self._end_scheduled, subscription, ends)
        return found

    @verb
    def undo_cancel(self, subscription: str) -> Subscription:
        """Take a scheduled end back; emits customer.subscription.updated."""
        return self._change(
            self.running(subscription),
            cancel_at=None,
            cancel_at_period_end=False,
            canceled_at=None,
            cancellation_reason=None,
            cancellation_feedback=None,
            cancellation_comment=None,
        )

    @verb
    def cancel(
        self,
        subscription: str,
        *,
        reason: CancellationReason = "cancellation_requested",
        feedback: str | None = None,
        comment: str | None = None,
    ) -> Subscription:
        """End a subscription now; emits customer.subscription.deleted. Raises RefusedError when it has ended."""
        found = self.subscriptions[subscription]
        if found.ended:
            raise RefusedError(f"subscription {subscription} is {found.status}")
        marked = replace(found, cancellation_feedback=feedback, cancellation_comment=comment)
        return self._end(marked, reason)

    @verb
    def end_trial(self, subscription: str) -> Subscription:
        """End a trial now: the paid period begins. Emits what the end of a trial emits, in this second."""
        found = self.running(subscription)
        if found.status != "trialing":
            raise RefusedError(f"subscription {subscription} is {found.status}, not trialing")
        items = tuple(replace(item, current_period_end=self.now) for item in found.items)
        moved = replace(found, items=items, trial_end=self.now, billing_cycle_anchor=self.now)
        self._begin_period(replace(moved, status="active"), {item.id: item for item in items})
        latest = self.subscriptions[subscription].latest_invoice
        assert latest is not None
        self._finalize_due(latest)
        return self.subscriptions[subscription]

    @verb
    def extend_trial(self, subscription: str, trial_end: int) -> Subscription:
        """Move the end of a trial (Unix seconds, in the future); emits customer.subscription.updated."""
        found = self.running(subscription)
        if found.status != "trialing" or trial_end <= self.now:
            raise RefusedError("only a running trial can be moved, and only into the future")
        items = tuple(replace(item, current_period_end=trial_end) for item in found.items)
        found = self._change(found, items=items, trial_end=trial_end, billing_cycle_anchor=trial_end)
        self._schedule_life(found)
        return found

    @verb
    def delete_customer(self, customer: str) -> Customer:
        """Delete a customer; emits customer.subscription.deleted for each running subscription, customer.deleted."""
        owner = self.customer(customer)
        for subscription in [s for s in self.subscriptions.values() if s.customer == customer and not s.ended]:
            self.cancel(subscription.id)
        for invoice in [i for i in self.invoices.values() if i.customer == customer and i.auto_advance]:
            if invoice.status in ("draft", "open"):
                self.update(invoice, "invoice.updated", auto_advance=False, next_payment_attempt=None)
        owner = self.put_changed(self.customers[owner.id], deleted=True)
        self.emit("customer.deleted", owner)
        return owner
