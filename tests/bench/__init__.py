"""`make bench`: what the whole way of an event costs, each figure beside its floor (docs/benchmarks.md)."""
