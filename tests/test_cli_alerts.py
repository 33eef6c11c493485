"""From a feed on loopback into a receiver's hands: by cron alone, and by a program that stays up."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from listener.store.sqlite import SqliteStore
from tests.commands import Home
from tests.servers import Reply, Seen, Server, serving

ITEM = "<item><guid>{0}</guid><title>Roof {0}</title><link>https://blog.example/{0}</link><description>{1}</description></item>"
WANTED = "Our shed leaks: who repairs roofs near Ulm?"


class Place:
    """A feed that grows, and a receiver that answers as it is told to."""

    def __init__(self, folder: Path, server: Server, config: str = "") -> None:
        self.server, self.count, self.status = server, 1, 200
        self.served_at: dict[int, float] = {}
        self.got: list[tuple[float, dict[str, Any]]] = []
        server.answer = self.answer
        (folder / "signing").write_text("a secret of sixteen or more")
        (folder / "address").write_text(f"{server.url}/hook")
        self.home = Home(
            folder,
            f"""
[network]
allow_private = ["{server.host_port}"]
[[channels]]
name = "desk"
url = "file:address"
secret = "file:signing"
[[feeds]]
url = "{server.url}/feed"
[[rules]]
name = "roofs"
query = "roofs"
channels = ["desk"]
{config}""",
        )

    def answer(self, seen: Seen) -> Reply:
        if seen.path == "/hook":
            self.got.append((time.time(), json.loads(seen.body)))
            return Reply(self.status)
        self.served_at.setdefault(self.count, time.time())
        items = "".join(ITEM.format(number, WANTED) for number in range(self.count))
        rss = f"<rss version='2.0'><channel><title>Allotments</title>{items}</channel></rss>"
        return Reply(200, rss.encode(), {"Content-Type": "application/rss+xml"})

    def titles(self) -> list[str]:
        return [said["title"] for _, said in self.got]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with serving(lambda _: Reply(404)) as server:
        yield Place(tmp_path, server)


@contextmanager
def staying_up(home: Home) -> Iterator[None]:
    process = home.start("up")
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "Stopped" in out


def test_poll_and_deliver_by_cron_bring_a_new_post_once_with_its_reason(place: Place) -> None:
    place.home.ok("poll", "--all")
    assert place.home.ok("alerts", "deliver").out == "Nothing is due.\n"  # the past of a new feed alerts nobody
    place.count = 2
    place.home.ok("poll", "--all")
    assert [row["state"] for row in place.home.ok("alerts", "list", "--json").rows()] == ["waiting"]
    assert place.home.ok("alerts", "deliver").out == "Sent 1 alert in 1 message.\n"
    assert place.home.ok("alerts", "deliver").out == "Nothing is due.\n"
    ((_, said),) = place.got
    assert said["title"] == "roofs: Roof 1"
    assert "roofs" in said["items"][0]["reason"]
    (row,) = place.home.ok("alerts", "--json").rows()
    assert (row["state"], row["rule"], row["channel"], row["tries"]) == ("sent", "roofs", "desk", 1)
    place.home.environ["COLUMNS"] = "60"
    lines = place.home.ok("alerts").out.splitlines()
    assert lines[0] == f"{row['id']:>6}  Roof 1"
    assert lines[1].startswith(f"        sent · roofs to desk · post {row['post']} · ")
    assert " ".join(line.strip() for line in lines[2:-1]) == row["reason"]
    assert max(map(len, lines)) <= 60
    assert lines[-1].startswith("1 sent")


def test_what_a_channel_refuses_is_told_and_sent_again_by_hand(place: Place) -> None:
    place.home.ok("poll", "--all")
    place.count, place.status = 2, 410
    place.home.ok("poll", "--all")
    ran = place.home.run("alerts", "deliver")
    assert (ran.code, ran.out) == (1, "Sent 0 alerts in 0 messages.\n")
    assert "desk: 1 alert: " in ran.err
    assert "listener alerts resend ID" in ran.err
    (row,) = place.home.ok("alerts", "list", "--state", "dead", "--json").rows()
    told = [found["message"] for found in place.home.run("doctor", "--json").rows() if found["subject"] == "alerts"]
    assert [text for text in told if "1 alert could not be delivered" in text]
    place.status = 200
    assert place.home.ok("alerts", "resend", str(row["id"])).out == "To be sent again: 1 alert\n"
    assert place.home.ok("alerts", "deliver", "--json").rows()[0]["outcome"] == "sent"
    first, second = (said for _, said in place.got)
    assert first["id"] != second["id"]


def test_held_alerts_wait_until_they_are_released(place: Place) -> None:
    place.home.ok("poll", "--all")
    place.count = 3
    place.home.ok("poll", "--all")
    assert place.home.ok("alerts", "hold", "--rule", "ROOFS").out == "Held 2 alerts\n"
    assert place.home.ok("alerts", "deliver").out == "Nothing is due.\n"
    assert place.home.run("alerts", "hold", "99").code == 1
    assert place.home.ok("alerts", "release", "--rule", "roofs").out == "Released 2 alerts\n"
    place.home.ok("alerts", "deliver")
    assert sorted(place.titles()) == ["roofs: Roof 1", "roofs: Roof 2"]
    assert place.home.run("alerts", "release").code == 2
    assert place.home.run("alerts", "list", "--rule", "none").code == 1


def test_a_burst_of_one_poll_is_one_digest(place: Place) -> None:
    place.home.ok("poll", "--all")
    place.count = 300
    place.home.ok("poll", "--all")
    assert place.home.ok("alerts", "deliver").out == "Sent 299 alerts in 1 message.\n"
    ((_, said),) = place.got
    assert (said["kind"], len(said["items"]), said["more"]) == ("digest", 20, 279)


def test_quiet_hours_keep_everything_for_their_end(tmp_path: Path) -> None:
    hour = datetime.now(UTC).hour
    quiet = f"{hour:02}:00-{(hour + 2) % 24:02}:00"
    with serving(lambda _: Reply(404)) as server:
        place = Place(tmp_path, server, f'[alerts]\nquiet = "{quiet}"\n[briefing]\ntimezone = "UTC"\n')
        place.home.ok("poll", "--all")
        place.count = 2
        place.home.ok("poll", "--all")
        assert place.home.ok("alerts", "deliver").out == "Nothing is due.\n"
        (row,) = place.home.ok("alerts", "--json").rows()
    assert place.got == []
    assert row["state"] == "held"
    assert row["due_at"].endswith(f"T{(hour + 2) % 24:02}:00:00+00:00")


def test_up_brings_a_post_into_the_receivers_hands_within_two_seconds_of_its_poll(place: Place) -> None:
    place.home.ok("poll", "--all")
    place.count = 2
    with staying_up(place.home), closing(SqliteStore.open(place.home.store)) as store:
        _wait_for(place, 1)
        for count in (2, 3):
            place.count += 1
            store.make_due([1], datetime.now(UTC))
            _wait_for(place, count)
        time.sleep(1.2)  # two more deliveries, which find nothing
    assert place.titles() == ["roofs: Roof 1", "roofs: Roof 2", "roofs: Roof 3"]
    waits = [at - place.served_at[number + 2] for number, (at, _) in enumerate(place.got)]
    assert max(waits[1:]) < 2.0, waits


def _wait_for(place: Place, count: int) -> None:
    end = time.monotonic() + 40
    while len(place.got) < count and time.monotonic() < end:
        time.sleep(0.05)
    assert len(place.got) >= count
