"""How cost grows with a workspace: the dashboard, the drain, a rebuild, from a thousand subscriptions to a million."""
