"""Every alert arrives at least once and is repeated only where a kill left no other way, and then it says so (R3)."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.alert_kill_child import POINTS, SENDING
from tests.servers import Reply, serving

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("rounds", [50, pytest.param(300, marks=pytest.mark.slow)])
def test_kills_at_six_points_lose_no_alert_and_repeat_only_what_was_being_sent(tmp_path: Path, rounds: int) -> None:
    with serving(lambda _: Reply(200)) as sink:
        command = [sys.executable, "-m", "tests.alert_kill_child", str(tmp_path), str(rounds), str(sink.port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    whole = [seen for seen in sink.seen if len(seen.body) == int(seen.headers["content-length"])]
    assert len(whole) < len(sink.seen)  # some died with half of a message on the wire
    messages = [json.loads(seen.body) for seen in whole]
    arrived: Counter[int] = Counter()
    keys: dict[int, set[str]] = {}
    for message in messages:
        for alert in message["alerts"]:
            assert message["possible_repeat"] or not arrived[alert], f"alert {alert} came again, unmarked"
            arrived[alert] += 1
            keys.setdefault(alert, set()).add(message["key"])
    assert set(arrived) == set(found["ids"])
    assert found["states"] == {"sent": len(found["ids"])}
    repeats = sum(count - 1 for count in arrived.values())
    assert 0 < repeats <= sum(found["kills"][point] for point in SENDING)
    # A channel that knows the key drops every repeat.
    assert {len(known) for known in keys.values()} == {1}
    assert found["faults"] == []
    assert sum(found["kills"].values()) >= rounds * 0.8
    assert all(found["kills"][point] for point in POINTS)
