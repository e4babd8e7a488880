"""Faults, with real processes: servers, web, workers and beat are killed, stopped and restarted under load.

A generator delivers signed events and records every answer; a nemesis injects a fault; a checker compares at the end.
What must hold: every acknowledged event is in the inbox and has been dealt with, and the billing state is that of the
same history delivered in peace, which is what the simulated account itself says.

`PQ_FAULT_SCALE` (default 1) multiplies events and faults: `PQ_FAULT_SCALE=10 python -m pytest tests/faults`.
"""
