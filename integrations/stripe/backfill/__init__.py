"""What an account holds and its last 30 days of events, read once it is connected, page by page.

`start` begins a run or lets a failed one go on, `visit` does some of its pages, `progress` tells how far it has come.
Every page becomes one event of the lane, so a backfill changes nothing by itself: the drain applies it, between the
events that are delivered meanwhile.
"""

from .progress import Progress, StageLine, progress
from .reading import Visit
from .run import SECONDS, bell, start, start_for, visit

__all__ = ["SECONDS", "Progress", "StageLine", "Visit", "bell", "progress", "start", "start_for", "visit"]
