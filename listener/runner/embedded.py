"""One process, one SQLite file: APScheduler calls each periodic verb.

The scheduler only ticks: what is due is a query over the store, so nothing is lost with the process (no job store).
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger(__name__)

PERIODS_S: Final[Mapping[str, float]] = {
    "poll_due": 5,
    "deliver_due": 0.5,
    "watch_rules": 300,
    "listen": 10,
    "tell": 60,
    "brief": 60,
    "maintain": 3_600,
}
"""Verb to the seconds between two calls of it."""


def run(verbs: Mapping[str, Callable[[], None]], stop: threading.Event) -> None:
    """Call each verb at its period until `stop` is set; return once the running ones are done.

    A verb never runs beside itself; calls it missed while it ran become one.
    """
    scheduler = BackgroundScheduler(timezone="UTC")
    for name, verb in verbs.items():
        scheduler.add_job(
            verb,
            IntervalTrigger(seconds=PERIODS_S[name], timezone="UTC"),
            id=name,
            name=name,
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
    scheduler.start()
    try:
        stop.wait()
        log.info("stopping: the pages being read are finished first")
    finally:
        scheduler.shutdown(wait=True)
