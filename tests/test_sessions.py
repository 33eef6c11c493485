"""What a login gave is kept in a file of its own, shared by threads and programs, and never logged."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest

from listener.errors import NotAuthorised, StoreError
from listener.secrets import redact
from listener.sessions import SessionFile

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def session(tmp_path):
    return SessionFile(tmp_path / "posts.db.sessions" / "somewhere", lambda: NOW)


def test_what_is_put_is_there_for_the_next_program(session, tmp_path):
    assert session.get("token") is None
    session.put("token", "secret-token-value")
    again = SessionFile(tmp_path / "posts.db.sessions" / "somewhere", lambda: NOW)
    assert again.get("token") == "secret-token-value"


def test_only_its_owner_may_read_it_and_no_log_shows_it(session, tmp_path):
    session.put("token", "secret-token-value")
    folder = tmp_path / "posts.db.sessions"
    assert (folder.stat().st_mode & 0o777, (folder / "somewhere").stat().st_mode & 0o777) == (0o700, 0o600)
    assert "secret-token-value" not in redact("got secret-token-value")
    assert [path.name for path in folder.iterdir()] == ["somewhere"]


def test_five_logins_a_day_and_not_one_more(tmp_path):
    now = [NOW]
    session = SessionFile(tmp_path / "s", lambda: now[0])
    for _ in range(5):
        session.count_login()
    with pytest.raises(NotAuthorised, match="5 logins today"):
        SessionFile(tmp_path / "s", lambda: now[0]).count_login()
    now[0] += timedelta(days=1)
    session.count_login()


def test_one_thread_at_a_time_refreshes(session):
    inside, most = [], []

    def refresh() -> None:
        with session.lock():
            inside.append(1)
            most.append(len(inside))
            session.put("count", str(int(session.get("count") or 0) + 1))
            inside.pop()

    threads = [threading.Thread(target=refresh) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most), session.get("count")) == (1, "8")


def test_one_program_at_a_time_refreshes(session, tmp_path):
    code = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path;"
        "from listener.sessions import SessionFile; s = SessionFile(Path(sys.argv[1]), lambda: datetime.now(UTC))\n"
        "for _ in range(50):\n with s.lock(): s.put('count', str(int(s.get('count') or 0) + 1))"
    )
    path = tmp_path / "posts.db.sessions" / "somewhere"
    programs = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(2)]
    assert [program.wait(30) for program in programs] == [0, 0]
    assert session.get("count") == "100"


@pytest.mark.parametrize("damage", [b"{", b"\xff\xfe", b""])
def test_a_damaged_session_says_what_to_do(session, tmp_path, damage):
    path = tmp_path / "posts.db.sessions" / "somewhere"
    path.parent.mkdir()
    path.write_bytes(damage)
    with pytest.raises(StoreError, match="delete this file to log in anew"):
        session.get("token")


def test_a_file_of_another_kind_holds_nothing(session, tmp_path):
    path = tmp_path / "posts.db.sessions" / "somewhere"
    path.parent.mkdir()
    path.write_text(json.dumps(["a"]))
    assert session.get("token") is None


def test_a_session_that_cannot_be_written_is_an_error_for_people(tmp_path):
    (tmp_path / "somewhere").mkdir()
    with pytest.raises(StoreError, match="cannot be"):
        SessionFile(tmp_path / "somewhere", lambda: NOW).put("a", "b")
