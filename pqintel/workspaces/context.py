"""Which workspace the running code works for: one context variable, read by the database backend at every BEGIN."""

from contextvars import ContextVar

current_workspace: ContextVar[int | None] = ContextVar("current_workspace", default=None)
