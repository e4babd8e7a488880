"""The one queue pattern: rows in PostgreSQL are the work, a doorbell says that there is some, a sweep finds the rest.

* the work is a table with a state column and a partial index on what waits;
* a **doorbell** carries one integer through Redis and may be lost at any time;
* a **lane** is what one worker at a time may work on, under an advisory lock that dies with its connection;
* a worker takes bounded batches, rings again if more waits, and looks once more after it let the lane go;
* lanes take **turns**: however many rings a backlog has brought, it gets one visit and then the others get theirs;
* at most half of a worker's processes take a **place** with one outsider who may hang (Slack, a mail server) at a time;
* beat sweeps the partial index and rings for whatever waits too long.
"""

from .doorbell import RUNG, Doorbell
from .lane import Work, hold_lane, wait_for_lane
from .places import Outsider, places
from .turns import Turns

__all__ = ["RUNG", "Doorbell", "Outsider", "Turns", "Work", "hold_lane", "places", "wait_for_lane"]
