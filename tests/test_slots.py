"""One schedule of slots: how many at once, how far apart, and in which order (R6)."""

import math

from hypothesis import given
from hypothesis import strategies as st

from listener.slots import Line, Slots


def test_two_requests_to_a_host_may_run_and_the_third_waits_for_an_end():
    slots = Slots(in_all=10, per_host=2)
    assert [slots.take("a", 0, 0.0) for _ in range(3)] == [0, 0, math.inf]
    slots.end("a")
    assert slots.take("a", 0, 0.0) == 0


def test_requests_to_one_host_keep_their_distance_and_others_do_not_wait():
    slots = Slots(10, 2)
    assert slots.take("a", 1.0, 100.0) == 0
    assert slots.take("a", 1.0, 100.25) == 0.75
    assert slots.take("b", 1.0, 100.25) == 0
    assert slots.take("a", 1.0, 101.0) == 0


def test_the_distance_holds_after_the_request_has_ended():
    slots = Slots(10, 2)
    slots.take("a", 1.0, 0.0)
    slots.end("a")
    assert slots.take("a", 1.0, 0.4) == 0.6


def test_the_wider_of_two_gaps_counts_whichever_comes_first():
    wide_first, wide_last = Slots(10, 2), Slots(10, 2)
    wide_first.take("a", 5.0, 0.0)
    assert wide_first.take("a", 1.0, 0.0) == 5.0
    wide_last.take("a", 1.0, 0.0)
    assert wide_last.take("a", 5.0, 0.0) == 5.0


def test_nothing_starts_above_the_limit_for_all():
    slots = Slots(in_all=2, per_host=2)
    assert [slots.take(host, 0, 0.0) for host in "abc"] == [0, 0, math.inf]
    assert slots.full
    slots.end("b")
    assert slots.take("c", 0, 0.0) == 0


def test_idle_hosts_are_forgotten_and_busy_or_fresh_ones_are_not():
    slots = Slots(10_000, 2)
    slots.take("busy", 1.0, 0.0)
    for number in range(9_000):
        slots.take(f"host{number}", 1.0, number / 1_000)
        slots.end(f"host{number}")
    assert len(slots._hosts) < 5_000
    assert slots.take("busy", 30.0, 25.0) == 5.0
    assert slots.take("host8999", 1.0, 9.5) > 0


def test_a_line_serves_each_host_in_order():
    line = Line(Slots(10, 1))
    for item in ("a1", "a2", "b1"):
        line.add(item[0], 0, item)
    slots = line._slots
    assert [line.take(0.0), line.take(0.0), line.take(0.0)] == ["a1", "b1", None]
    slots.end("a")
    line.wake()
    assert line.take(0.0) == "a2"
    assert not line


def test_a_host_with_a_gap_lets_others_pass_and_says_when_it_is_due():
    line = Line(Slots(10, 2))
    for number in range(3):
        line.add("slow", 1.0, f"s{number}")
    line.add("fast", 0, "f0")
    assert [line.take(0.0), line.take(0.0), line.take(0.0)] == ["s0", "f0", None]
    assert line.wait_s(0.25) == 0.75
    assert line.take(0.9) is None
    assert line.take(1.0) == "s1"


def test_a_full_house_waits_for_an_end_however_long():
    line = Line(Slots(1, 2))
    line.add("a", 0, 1)
    line.add("b", 0, 2)
    assert line.take(0.0) == 1
    assert line.take(0.0) is None
    assert line.wait_s(0.0) == math.inf


def test_draining_gives_everybody_back():
    line = Line(Slots(1, 1))
    for number in range(5):
        line.add("ab"[number % 2], 0, number)
    line.take(0.0)
    assert sorted(line.drain()) == [1, 2, 3, 4]
    assert not line
    assert line.take(9.0) is None


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from([0.0, 0.5, 2.0])), max_size=60))
def test_every_request_is_served_once_and_no_rule_is_broken(asked):
    slots = Slots(in_all=4, per_host=2)
    line = Line(slots)
    for number, (host, gap_s) in enumerate(asked):
        line.add(host, gap_s, (number, host, gap_s))
    running, served, last, now = [], [], {}, 0.0
    for _ in range(10_000):
        if not (line or running):
            break
        while (item := line.take(now)) is not None:
            number, host, gap_s = item
            assert now - last.get(host, (-math.inf, 0.0))[0] >= max(gap_s, last.get(host, (0.0, 0.0))[1])
            last[host] = (now, gap_s)
            running.append(item)
            served.append(number)
            assert len(running) <= 4
            assert sum(1 for other in running if other[1] == host) <= 2
        now += 0.25
        if running:
            slots.end(running.pop(0)[1])
            line.wake()
    assert sorted(served) == list(range(len(asked)))
