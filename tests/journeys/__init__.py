"""Long stories with a clock: a Stripe account, its events over HTTP, and every message that leaves the house."""
