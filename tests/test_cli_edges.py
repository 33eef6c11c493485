"""The command line at its edges: odd values, outputs that cannot be written, names that are not unique, early stops."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.commands import LISTENER, Home

SAME = "".join(f'[[feeds]]\nurl = "https://{name}.example/feed"\ntitle = "Trades"\n' for name in ("one", "two"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, SAME)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A store with the sample day in it, which nobody changes."""
    found = Home(tmp_path_factory.mktemp("full"))
    found.ok("init", "--demo")
    return found


# names


@pytest.mark.parametrize("command", [("set", "Trades", "paused=yes"), ("gaps", "Trades"), ("check", "Trades")])
def test_a_title_that_several_feeds_have_is_asked_back(home: Home, command: tuple[str, ...]) -> None:
    ran = home.run("feeds", *command)
    assert ran.code == 1
    assert "'Trades' could be any of: 1 Trades (https://one.example/feed), 2 Trades" in ran.err
    assert "say the number" in ran.err
    assert {row["health"] for row in home.ok("feeds", "--json").rows()} == {"new"}


def test_posts_and_polls_of_a_title_that_several_feeds_have_are_asked_back(home: Home) -> None:
    assert "say the number" in home.run("posts", "--feed", "Trades").err
    assert "say the number" in home.run("poll", "Trades").err
    assert home.ok("feeds", "set", "2", "title=2", "paused=yes")
    assert home.ok("feeds", "set", "2", "paused=no").out.startswith("Feed 2:")


def test_a_feeds_name_is_shown_alike_and_harmless_everywhere(home: Home) -> None:
    title = "Red \x1b[31m\u202ealert\x07"
    add = ("feeds", "add", "https://three.example/feed", "--unchecked", "--title", title)
    outputs = [home.ok(*command).out for command in (add, add, ("feeds",))]
    outputs.append(home.run("feeds", "check", "3").out)
    outputs.append(home.run("poll", "Red").err)
    outputs.append(home.run("doctor").out)
    outputs.append(home.ok("feeds", "remove", "3").out)
    for out in outputs:
        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", out), out
    del outputs[4]
    assert all("Red [31malert" in out for out in outputs), outputs


# values


def test_minutes_that_are_no_number_are_wrong_usage(home: Home) -> None:
    for value in ("nan", "NaN", "inf", "0", "-1"):
        assert home.run("briefing", "--minutes", value).code == 2


@pytest.mark.parametrize("store", ["", "/", ".", "sqlite:///"])
def test_a_store_that_is_no_file_is_named(home: Home, store: str) -> None:
    ran = home.run("--store", store, "posts")
    assert ran.code == 2
    assert "--store" in ran.err


@pytest.mark.parametrize(
    "command", [("posts",), ("search", "dew"), ("show", "1"), ("briefing",), ("feeds",), ("accounts",)]
)
def test_reading_a_store_that_is_not_there_makes_none(home: Home, command: tuple[str, ...]) -> None:
    for store in (home.folder / "mistyped.db", home.folder / "no" / "such" / "posts.db"):
        ran = home.run(*command, "--store", str(store))
        assert ran.code == 1
        assert f"{store}: there is no store here" in ran.err
        assert not store.exists()
        assert not (home.folder / "no").exists()


def test_doctor_examines_a_store_in_a_folder_that_is_not_there(home: Home) -> None:
    ran = home.run("doctor", "--store", str(home.folder / "no" / "posts.db"))
    assert "✓ Python" in ran.out


def test_a_configuration_that_cannot_be_written_says_so(home: Home) -> None:
    ran = home.run("--config", "/proc/x.toml", "init", "--starter")
    assert ran.code == 1
    assert ran.err.startswith("listener: /proc/x.toml: ")


# the output


@pytest.mark.parametrize(
    "command", [("posts",), ("posts", "--json"), ("feeds", "export"), ("briefing", "--format", "html"), ("briefing",)]
)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_output_that_is_full_is_a_failure_with_a_reason(full: Home, command: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as nowhere:
        done = subprocess.run(
            [LISTENER, *command], cwd=full.folder, env=full.environ, stdout=nowhere, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1, done.stderr
    assert done.stderr.decode() == "listener: cannot write: No space left on device\n"


ENCODINGS = (
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


@pytest.mark.parametrize("environ", ENCODINGS, ids=lambda environ: environ.get("PYTHONIOENCODING", "C"))
def test_what_the_output_cannot_show_is_escaped(full: Home, environ: dict[str, str]) -> None:
    def run(*command: str) -> bytes:
        done = subprocess.run(
            [LISTENER, *command], cwd=full.folder, env=full.environ | environ, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    rows = full.ok("posts", "--json").rows()
    assert any(not row["text"].isascii() for row in rows)
    encoding = "cp1252" if "cp1252" in environ.values() else "utf-8"
    assert [json.loads(line) for line in run("posts", "--json").decode(encoding).splitlines()] == rows
    for command in (("posts",), ("briefing",), ("feeds",), ("doctor",), ("connectors",), ("briefing", "--json")):
        assert run(*command)


# JSON


def test_lists_come_as_json_wherever_they_can(home: Home) -> None:
    home.ok("feeds", "set", "1", "paused=yes")
    assert [row["id"] for row in home.ok("feeds", "--json").rows()] == [1, 2]
    assert home.ok("accounts", "--json").out == ""
    assert "Nobody yet" in home.ok("accounts").out
    assert home.ok("feeds", "fill", "--json").out == ""
    checked = home.run("feeds", "check", "1", "--json")
    assert checked.code == 1
    (row,) = checked.rows()
    assert (row["feed"], row["query"], row["posts"]) == (1, "https://one.example/feed", 0)
    assert "one.example" in row["error"]


# stopping


def test_up_that_is_stopped_while_it_starts_ends_cleanly(home: Home) -> None:
    """The configuration is a pipe: the command stands still at its first step until something is written."""
    pipe = home.folder / "slow.toml"
    os.mkfifo(pipe)
    process = home.start("--config", str(pipe), "up")
    try:
        with pipe.open("w") as config:  # opens once the command reads
            process.send_signal(signal.SIGTERM)
            config.write('[store]\nurl = "posts.db"\n')
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert out.endswith("Stopped; nothing is lost.\n")
