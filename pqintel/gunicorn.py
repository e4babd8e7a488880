"""Gunicorn's settings, for `make run` and production alike: `gunicorn --config python:pqintel.gunicorn pqintel.wsgi`.

Threads suit this synchronous application: a request waits for PostgreSQL most of its time. Behind a buffering proxy
(nginx, Caddy) the workers meet only whole requests; without one, a few slow clients can occupy every thread.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from gunicorn.config import Config
from gunicorn.glogging import Logger

SECRET_PATH = re.compile(r"(/webhooks/[a-z]+/)[^/?\s'\"]+")


class MaskSecretPaths(logging.Filter):
    """Removes the token of a webhook URL from what Gunicorn logs: it names the path of a request that fails."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always keeps the record; changes its text where a token stands in it."""
        text = record.getMessage()
        if "/webhooks/" in text:
            record.msg, record.args = SECRET_PATH.sub(r"\1…", text), None
        return True


class MaskingLogger(Logger):
    """Gunicorn's logger with the mask in front of every handler."""

    def setup(self, cfg: Config) -> None:
        """Set up as Gunicorn does, then put the mask on."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.addFilter(MaskSecretPaths())


bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT') or 8000}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = int(os.environ.get("WEB_THREADS") or 8)
backlog = 2048
keepalive = 75  # longer than a proxy keeps idle connections (nginx: 60 s): it must not send into one that we close
timeout = 30
graceful_timeout = 6  # a stop is complete within ten seconds, and a webhook takes milliseconds
max_requests = 50_000  # a slow leak in any library never grows old
max_requests_jitter = 5_000
limit_request_line = 4094
limit_request_fields = 64
preload_app = False  # each worker makes its own connections and threads; nothing of them survives a fork
control_socket_disable = True  # no command channel into the running server
accesslog = None  # the webhook's token is in its path; the proxy in front logs what is needed
errorlog = "-"
loglevel = "warning"
logger_class = MaskingLogger
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 (heartbeats must not wait for a disk)
proc_name = "pqintel"
