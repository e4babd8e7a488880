"""Whether this process can do its work: for load balancers and people."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pqintel.workspaces.postgres.patience import answers_within

QUEUE_TIMEOUT_SECONDS = 0.5
DATABASE_TIMEOUT_SECONDS = 2.0


@transaction.non_atomic_requests
@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when web, database and queue are up; else 503, naming the one that is not."""
    parts = {"web": "ok", "database": _database(), "queue": _queue()}
    return JsonResponse(parts, status=200 if set(parts.values()) == {"ok"} else 503)


@transaction.non_atomic_requests
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when deliveries can be accepted, which takes the database and nothing else."""
    parts = {"web": "ok", "database": _database()}
    return JsonResponse(parts, status=200 if set(parts.values()) == {"ok"} else 503)


def _database() -> str:
    try:
        with answers_within(DATABASE_TIMEOUT_SECONDS), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return "unreachable"
    return "ok"


def _queue() -> str:
    try:
        with redis.Redis.from_url(
            settings.CELERY_BROKER_URL,
            socket_timeout=QUEUE_TIMEOUT_SECONDS,
            socket_connect_timeout=QUEUE_TIMEOUT_SECONDS,
            retry=None,
        ) as queue:
            queue.ping()
    except redis.RedisError:
        return "unreachable"
    return "ok"
