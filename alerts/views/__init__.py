"""Pages of alerts and summaries."""
