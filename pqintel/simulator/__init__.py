"""A stand-in Stripe account for the demo, the tests and the benchmarks.

It has a clock of its own, emits the events that Stripe would emit, and computes its own metrics. It is pure standard
library and imports nothing of this project outside its own package: what it says about MRR is worth something only
because it shares no code with the product that is tested against it.
"""
