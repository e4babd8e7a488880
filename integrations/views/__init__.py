"""Settings › Integrations."""
