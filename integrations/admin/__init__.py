"""Staff pages for connections and what they receive. No secret is shown, in no form: only whether there is one."""

from . import channels, comparing, connections, inbox

__all__ = ["channels", "comparing", "connections", "inbox"]
