"""PQ Intel: billing intelligence for companies that bill with Stripe."""

from .celery import app as celery_app

__all__ = ["celery_app"]
