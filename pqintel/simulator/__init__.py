"""A stand-in Stripe account for the demo, the tests and the benchmarks.

It has a clock of its own, emits the events that Stripe would emit, and computes its own metrics. It is pure standard
library and imports nothing of this project outside its own package: what it says about MRR is worth something only
because it shares no code with the product that is tested against it.

Where things are: `state` the objects, `account` all verbs, `events` what is told, `truth` the metrics, `scenario`
histories to live through; `render` gives events and objects the shape of an API version, `delivery` sends them,
`server` answers the read API.
"""
