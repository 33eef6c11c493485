"""The process that parses: it is confined, killed when it overruns, replaced when it dies, and outlives nobody."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from listener import sandbox
from listener.errors import BadPayload, RateLimited
from listener.sandbox import Sandbox

MODULE = "tests.hostile.work"


@pytest.fixture
def box():
    boxes = []

    def make(name: str, **options) -> Sandbox:
        boxes.append(Sandbox(f"{MODULE}:{name}", **options))
        return boxes[-1]

    yield make
    for one in boxes:
        one.close()


def child_of(one: Sandbox) -> int:
    return one._idle[0]._process.pid


def test_a_job_goes_there_and_its_value_comes_back(box):
    one = box("echo")
    body = bytes(range(256)) * 40_000
    assert one.run(body, {"x": "ü\ud800"}) == {"size": len(body), "args": {"x": "ü\ud800"}}


def test_one_child_serves_many_jobs(box):
    one = box("pid")
    assert len({one.run(b"", {}) for _ in range(20)}) == 1


def test_nothing_is_started_before_the_first_job(box):
    assert box("pid")._idle == []


def test_no_more_children_run_than_allowed_and_all_threads_are_served(box):
    one = box("pid", children=2)
    with ThreadPoolExecutor(8) as pool:
        pids = set(pool.map(lambda _: one.run(b"", {}), range(60)))
    assert 1 <= len(pids) <= 2
    assert len(one._idle) == len(pids)


def test_a_job_that_overruns_is_killed_in_time_and_the_next_one_gets_a_fresh_child(box):
    one = box("sleep", seconds=0.5)
    before = one.run(b"0", {})
    started = time.monotonic()
    with pytest.raises(BadPayload, match=r"more than 0\.5 s"):
        one.run(b"60", {})
    assert time.monotonic() - started < 1.5
    assert one.run(b"0", {}) != before


@pytest.mark.parametrize("death", ["crash", "exit", "raise_odd"])
def test_a_child_that_dies_fails_its_job_alone(box, death):
    one = box("die")
    with pytest.raises(BadPayload, match="gave up"):
        one.run(death.encode(), {})
    assert one.run(b"live", {}) == "alive"


def test_a_job_that_eats_memory_dies_of_it(box):
    one = box("eat", memory=300_000_000)
    with pytest.raises(BadPayload, match="gave up"):
        one.run(b"1000000000", {})
    assert one.run(b"1000", {}) == 1000


def test_a_child_that_was_killed_while_idle_is_replaced(box):
    one = box("pid")
    first = one.run(b"", {})
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while one._idle[0].is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one.run(b"", {}) != first


def test_a_refusal_of_the_function_keeps_its_words_and_its_child(box):
    one = box("refuse")
    with pytest.raises(BadPayload, match="no such thing: ü"):
        one.run(b"", {})
    assert len(one._idle) == 1


def test_an_answer_of_absurd_size_is_refused(box, monkeypatch):
    monkeypatch.setattr(sandbox, "REPLY_BYTES", 10_000)
    with pytest.raises(BadPayload, match="more than we read"):
        box("blow_up").run(b"", {})


def test_a_child_knows_nothing_of_us(box, monkeypatch):
    monkeypatch.setenv("LISTENER_TOKEN", "sesame")
    with open(os.devnull) as ours:
        os.set_inheritable(ours.fileno(), True)
        seen = box("look").run(b"", {})
    assert "sesame" not in json.dumps(seen)
    assert set(seen["environment"]) <= {"PYTHONPATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LC_CTYPE"}
    assert len(seen["descriptors"]) <= 4
    assert seen["session"] != os.getsid(0)


def test_a_child_can_write_no_file_and_start_no_crash_dump(box, tmp_path):
    target = tmp_path / "written"
    assert box("write").run(str(target).encode(), {}) == "OSError"
    assert not target.exists() or target.read_bytes() == b""


def test_what_a_library_prints_does_not_spoil_the_answer(box):
    assert box("chatter").run(b"", {}) == "quiet"


def test_a_slow_job_is_run_alone_the_next_time_and_put_off_while_another_slow_one_runs(box):
    one = box("sleep", seconds=2.0)
    slow = threading.Thread(target=overrun, args=(one, "first"))
    slow.start()
    time.sleep(0.2)
    started = time.monotonic()
    with pytest.raises(RateLimited, match="put off"):
        one.run(b"60", {}, "second")
    assert 0.3 < time.monotonic() - started < 1.5
    with pytest.raises(RateLimited, match="put off"):
        one.run(b"0", {}, "second")
    slow.join()
    assert isinstance(one.run(b"0", {}, "second"), int)


def overrun(one: Sandbox, key: str) -> None:
    with pytest.raises(BadPayload, match="more than"):
        one.run(b"60", {}, key)


def test_few_slow_jobs_hold_up_the_others_little(box):
    one = box("sleep", seconds=3.0)
    late: list[float] = []
    started = time.monotonic()

    def work(number: int) -> None:
        try:
            one.run(b"60" if number % 25 == 3 else b"0", {}, number)
            late.append(time.monotonic() - started)
        except (BadPayload, RateLimited):
            pass

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(100)))
    assert len(late) == 96
    assert max(late) < 5.0, "four slow jobs, two at a time, would take six seconds"


def test_children_die_with_their_parent():
    code = f"""
import os, signal
from listener.sandbox import Sandbox
box = Sandbox("{MODULE}:pid")
print(box.run(b"", {{}}), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_that_ends_normally_leaves_no_child_and_no_warning():
    code = f"""
from listener.sandbox import Sandbox
box = Sandbox("{MODULE}:pid")
box.run(b"", {{}})
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, timeout=60, check=True)
    assert done.stderr == b""


def test_a_function_that_cannot_be_loaded_is_an_error_not_a_hang():
    with pytest.raises(BadPayload, match="gave up"):
        Sandbox("listener.no_such_room:work").run(b"", {})


def test_serving_ends_with_its_input():
    def work(body: bytes, args: object) -> object:
        if body == b"bad":
            raise BadPayload("bad")
        return [body.decode(), args]

    jobs = io.BytesIO(b"".join(sandbox._JOB.pack(2, len(body)) + b"{}" + body for body in (b"one", b"bad")))
    replies = io.BytesIO()
    sandbox.serve(jobs, replies, work, 5.0)
    assert b'["one", {}]' in replies.getvalue()
    assert replies.getvalue().endswith(b'"bad"')


@pytest.mark.parametrize(("version", "warned"), [((2, 5, 0), True), ((2, 6, 0), False), ((3, 0, 0), False)])
def test_an_old_expat_is_warned_of(monkeypatch, version, warned):
    import pyexpat

    monkeypatch.setattr(pyexpat, "version_info", version)
    assert [".".join(map(str, version)) in text for text in sandbox.warnings()] == [True] * warned
