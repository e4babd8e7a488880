"""Pages of the room: they fetch, scope, and call one function."""
