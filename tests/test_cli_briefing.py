"""`listener briefing` makes, mails, shows and lists; `done`, `star`, `snooze` and `undo` take its numbers."""

import json
import random
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from listener.app import App
from listener.mailer import REPEAT
from listener.store.sqlite import SqliteStore
from tests.commands import Home
from tests.hostile.servers import authority
from tests.servers import Reply, serving
from tests.servers_smtp import PASSWORD, USER, Sink, smtp
from tests.sites import Entry, rss

DICE = random.Random(20261125)


def config(sink: Sink, more: str = "", security: str = "none") -> str:
    return (
        f'[network]\nallow_private = ["127.0.0.1:{sink.port}"]\n[briefing]\ntimezone = "UTC"\n'
        f'[mail]\nhost = "127.0.0.1"\nport = {sink.port}\nsecurity = "{security}"\nto = ["{USER}"]\n{more}'
    )


def filled(folder: Path, text: str) -> Home:
    home = Home(folder, text)
    app = App.open(home.config)
    app.fill_with_demo()
    app.close()
    return home


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the sample day in it, to be copied."""
    return filled(tmp_path_factory.mktemp("sample"), "").store


@pytest.fixture
def sink() -> Iterator[Sink]:
    with smtp() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path, sample: Path, sink: Sink) -> Home:
    (tmp_path / "posts.db").write_bytes(sample.read_bytes())
    return Home(tmp_path, config(sink))


def html(found: EmailMessage) -> str:
    body = found.get_body(("html",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n").strip()


def history(home: Home) -> list[dict[str, object]]:
    return home.ok("briefing", "--history", "--json").rows()


# sending


def test_it_is_sent_once_and_the_second_time_says_when(home: Home, sink: Sink) -> None:
    first = home.ok("briefing", "--send")
    assert "was sent at" in first.out
    second = home.ok("briefing", "--send")
    assert "was sent at" in second.out
    assert "--again sends it once more" in second.out
    (found,) = sink.messages
    assert str(found["subject"]).startswith("Your briefing · ")
    text = found.get_body(("plain",))
    assert text is not None
    assert "Leads" in text.get_content()
    assert "Leads" in html(found)
    assert [(row["state"], row["tries"]) for row in history(home)] == [("sent", 1)]


def test_again_sends_the_same_once_more_beside_the_first(home: Home, sink: Sink) -> None:
    home.ok("briefing", "--send")
    home.ok("briefing", "--send", "--again")
    first, second = sink.messages
    assert second["references"] == first["message-id"] != second["message-id"]
    assert html(first) == html(second)
    assert second[REPEAT] is None


def test_the_preview_is_exactly_what_is_sent_and_keeps_nothing(home: Home, sink: Sink) -> None:
    preview = home.ok("briefing", "--preview", "--format", "html", "--out", "mail.html")
    assert preview.out == "Written to mail.html\n"
    assert history(home) == []
    shown = home.ok("briefing", "--preview").out
    home.ok("briefing", "--send")
    assert steady((home.folder / "mail.html").read_text()) == steady(html(sink.messages[0]))
    text = sink.messages[0].get_body(("plain",))
    assert text is not None
    assert words(shown) == words(text.get_content())


def steady(page: str) -> list[str]:
    """Take a page without its ages, which a minute changes."""
    return [line for line in page.strip().splitlines() if " ago" not in line]


def words(text: str) -> list[str]:
    return [word for word in text.split() if not word.isdigit()]


def test_without_a_mail_server_sending_says_what_to_set_and_makes_nothing(home: Home) -> None:
    home.write("")
    ran = home.run("briefing", "--send")
    assert ran.code == 2
    assert "mail.host: no mail server is named" in ran.err
    assert history(home) == []


def test_a_wrong_password_is_named_and_by_hand_it_is_tried_again(home: Home, sink: Sink, tmp_path: Path) -> None:
    ca = authority(tmp_path)
    home.environ |= {"SSL_CERT_FILE": str(ca.ca_file), "WRONG": "not-it", "RIGHT": PASSWORD}
    tls: ssl.SSLContext = ca.context("127.0.0.1")
    with smtp(login=True, starttls=tls) as other:
        home.write(config(other, f'user = "{USER}"\npassword = "env:WRONG"\n', "starttls"))
        ran = home.run("briefing", "--send")
        assert ran.code == 1
        assert "refused the user name or the password" in ran.err
        assert "not-it" not in ran.err
        assert [row["state"] for row in history(home)] == ["refused"]
        home.write(config(other, f'user = "{USER}"\npassword = "env:RIGHT"\n', "starttls"))
        home.ok("briefing", "--send")
        assert len(other.taken) == 1


def test_greylisting_is_told_with_the_next_try(home: Home, sink: Sink) -> None:
    sink.answers[USER] = "450 come back later"
    ran = home.run("briefing", "--send")
    assert ran.code == 1
    assert "not sent yet" in ran.err
    assert "450 come back later" in ran.err
    assert "next try at" in ran.err
    del sink.answers[USER]
    home.ok("briefing", "--send")
    assert len(sink.taken) == 1


def test_what_does_not_go_together_is_refused(home: Home) -> None:
    for arguments in (("--send", "--preview"), ("--send", "--minutes", "3"), ("--history", "--date", "2026-11-20")):
        assert home.run("briefing", *arguments).code == 2


# keeping


def test_the_one_of_a_date_is_shown_and_another_date_names_the_nearest(home: Home) -> None:
    home.ok("briefing", "--send")
    today = datetime.now(UTC).date().isoformat()
    shown = json.loads(home.ok("briefing", "--date", today, "--json").out)
    assert len(shown["leads"]) > 2
    assert home.ok("briefing", "--date", "today").out.startswith("Your briefing")
    ran = home.run("briefing", "--date", "2020-01-01")
    assert ran.code == 1
    assert ran.err == f"listener: no briefing of 2020-01-01 is kept; the nearest are of {today}\n"
    assert home.run("briefing", "--date", "soon").code == 2


def test_history_is_empty_then_lists_what_became_of_each(home: Home) -> None:
    assert "None was made so far" in home.ok("briefing", "--history").out
    home.ok("briefing", "--send")
    assert " sent " in home.ok("briefing", "--history").out


def test_a_circle_that_nobody_is_in_is_named_with_those_there_are(home: Home) -> None:
    assert "there are none" in home.run("briefing", "--circle", "peers").err
    home.ok("people", "add", "Ada", "--circle", "peers")
    ran = home.run("briefing", "--circle", "pears", "--send")
    assert ran.code == 1
    assert "no circle is called 'pears'; there are: peers" in ran.err
    home.ok("briefing", "--circle", "peers", "--send")
    assert [row["circle"] for row in history(home)] == ["peers"]


def test_printing_keeps_nothing(home: Home) -> None:
    home.ok("briefing")
    assert history(home) == []


# marks


def test_the_end_of_a_briefing_names_the_commands_that_take_its_numbers(home: Home) -> None:
    end = " ".join(home.ok("briefing").out.splitlines()[-3:])
    for command in ("show", "done", "star", "snooze", "undo"):
        assert command in end


def test_marks_are_said_and_taken_back_last_first(home: Home) -> None:
    assert home.ok("done", "3", "4").out == "Post 3: done\nPost 4: done\n"
    assert home.ok("star", "3").out == "Post 3: starred\n"
    assert home.ok("undo", "3").out == "Post 3: star taken back\n"
    assert home.ok("undo", "3", "4").out == "Post 3: done taken back\nPost 4: done taken back\n"
    assert home.ok("undo", "3").out == "Post 3: there was nothing to take back\n"


def test_a_snooze_ends_when_it_is_said_to(home: Home) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert home.ok("snooze", "3").out == f"Post 3: snoozed until {tomorrow} 00:00\n"
    assert home.ok("snooze", "3", "--until", "2099-01-02").out == "Post 3: snoozed until 2099-01-02 00:00\n"
    assert "Post 3: snoozed until " in home.ok("snooze", "3", "--until", "3d").out
    assert home.run("snooze", "3", "--until", "2020-01-01").code == 2
    assert "nor a date" in home.run("snooze", "3", "--until", "whenever").err


@pytest.mark.parametrize("command", ["done", "star", "snooze", "undo"])
def test_a_wrong_number_is_told_for_people_and_nothing_is_done(home: Home, command: str) -> None:
    ran = home.run(command, "3", "99999")
    assert ran.code == 1
    assert "there is no post 99999" in ran.err
    assert home.run(command, "three").code == 2
    assert home.ok("undo", "3").out == "Post 3: there was nothing to take back\n"


# staying up, dying


def due_now(sink: Sink) -> str:
    at = datetime.now(UTC) - timedelta(minutes=1)
    return config(sink).replace("[mail]", f'at = "{at:%H:%M}"\n[mail]')


def test_up_mails_what_is_due_once_however_often_it_is_started(home: Home, sink: Sink) -> None:
    home.write(due_now(sink))
    for _ in range(2):
        process = home.start("up")
        end = time.monotonic() + 60
        while time.monotonic() < end and not any(row["state"] == "sent" for row in history(home)):
            time.sleep(0.5)
        time.sleep(2)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert len(sink.taken) == 1
    assert "Your briefing" in out


def test_two_programs_at_once_send_one(home: Home, sink: Sink) -> None:
    sink.slow_s = 1.0
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(home.run("briefing", "--send").code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sink.taken) == 1
    assert 0 in codes


@pytest.mark.parametrize("rounds", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_kill_9_around_the_send_never_makes_two_unless_it_says_so(
    tmp_path: Path, sample: Path, sink: Sink, rounds: int
) -> None:
    sink.slow_s = 0.4
    for number in range(rounds):
        (tmp_path / str(number)).mkdir()
        home = Home(tmp_path / str(number), config(sink))
        home.store.write_bytes(sample.read_bytes())
        before = len(sink.taken)
        process = home.start("briefing", "--send")
        end = time.monotonic() + 60
        with closing(SqliteStore.open(home.store)) as store:
            beginning = ("waiting", "claimed", "sending", "sent")[number % 4]
            while time.monotonic() < end and process.poll() is None:
                if beginning in [one.state for one in store.briefings(1)]:
                    break
                time.sleep(0.001)
        time.sleep(DICE.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        home.run("briefing", "--send")
        home.run("briefing", "--send")
        found = sink.messages[before:]
        assert [one[REPEAT] for one in found] in ([None], ["yes"], [None, "yes"])
        assert len({one["message-id"] for one in found}) == 1


def test_a_connection_lost_in_the_send_is_followed_by_one_repeat_that_says_so(home: Home, sink: Sink) -> None:
    sink.breaks_in_data = 2
    first = home.run("briefing", "--send")
    assert "nobody can say whether it arrived" in first.err
    home.run("briefing", "--send")
    third = home.run("briefing", "--send")
    assert third.code == 1
    assert "--again" in third.err
    assert [one[REPEAT] for one in sink.messages] == [None, "yes"]
    assert len({one["message-id"] for one in sink.messages}) == 1


def test_what_you_saw_to_is_not_called_chatter_and_an_empty_chart_is_left_out(tmp_path: Path) -> None:
    need = "Our choir association needs bookkeeping software and would pay for it. Who can set it up for us?"
    with serving(
        {"/feed.xml": Reply(200, rss("Forum", [Entry("1", "Looking for accounting software", need)]))}
    ) as site:
        home = Home(
            tmp_path, f'[network]\nallow_private = ["{site.host_port}"]\n[[feeds]]\nurl = "{site.url}/feed.xml"\n'
        )
        home.ok("poll")
        assert "Looking for" in home.ok("briefing").out
        home.ok("done", "1")
        out = home.ok("briefing").out
        assert "1 post came in; no story, lead or question among them is left for you." in out
        assert "Numbers" not in out
