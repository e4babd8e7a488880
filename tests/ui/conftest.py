"""The gallery's pages, served under the project's own settings and content security policy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from wsgiref.simple_server import make_server

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from .gallery import Quiet, Server

MIDDLEWARE = [
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    """The address of the gallery. No page of it touches the database."""
    with (
        override_settings(ROOT_URLCONF="tests.ui.gallery_urls", MIDDLEWARE=MIDDLEWARE),
        make_server("127.0.0.1", 0, WSGIHandler(), server_class=Server, handler_class=Quiet) as server,
    ):
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/gallery/"
        server.shutdown()
        serving.join()
