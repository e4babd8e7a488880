"""One object's page each: what is known of it, how it is known, and what belongs to it."""
