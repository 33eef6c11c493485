"""`listener poll` killed with -9 in the middle of a turn: the next poll loses nothing and doubles nothing."""

import random
import signal
import time

import pytest

from tests.commands import Home
from tests.servers import serving
from tests.sites import Entry, Site, rss

FEEDS = 12
DICE = random.Random(20261123)


def entries(feed: int, generation: int) -> list[Entry]:
    """Give feed `feed` three entries for each generation so far, newest first."""
    return [
        Entry(f"{feed}-{number}", f"Entry {number} of feed {feed}", f"Words {number} and more words.", age_h=1)
        for number in range(3 * (generation + 1) - 1, -1, -1)
    ]


def publish(site: Site, generation: int) -> None:
    for feed in range(FEEDS):
        site.pages[f"/{feed}"] = rss(f"Feed {feed}", entries(feed, generation))


@pytest.mark.parametrize("rounds", [8, pytest.param(150, marks=pytest.mark.slow)])
def test_kill_9_in_a_turn_loses_nothing_and_doubles_nothing(tmp_path, rounds):
    site = Site({})
    with serving(site) as server:
        feeds = "".join(f'[[feeds]]\nurl = "{server.url}/{feed}"\n' for feed in range(FEEDS))
        home = Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n{feeds}')
        for generation in range(rounds):
            publish(site, generation)
            asked = len(server.seen)
            process = home.start("poll", "--all")
            # Kill inside the turn: once requests have begun, at a moment of chance.
            while len(server.seen) == asked and process.poll() is None:
                time.sleep(0.005)
            time.sleep(DICE.uniform(0, 0.6))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        # The leases of the killed do not make the user wait: their owner is seen to be dead.
        home.ok("poll", "--all")
        posts = home.ok("posts", "--limit", "100000", "--json").rows()
        guids = sorted(post["native_id"].partition("/")[2] for post in posts)
        assert guids == sorted(entry.guid for feed in range(FEEDS) for entry in entries(feed, rounds - 1))
        assert "✗" not in home.ok("doctor").out
