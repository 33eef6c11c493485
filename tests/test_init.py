"""`listener init`: three answers on a terminal, the starter, and the demo that stays out of the user's way."""

import os
import pty
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.commands import LISTENER, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    found.config.unlink()
    return found


def answered(home: Home, *lines: str) -> tuple[int, str]:
    """Run `init` on a terminal and type lines; give the exit code and all that was printed."""
    ours, theirs = pty.openpty()
    try:
        command = [LISTENER, "--config", str(home.config), "init"]
        process = subprocess.Popen(
            command, cwd=home.folder, env=home.environ, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        os.write(ours, "".join(f"{line}\n" for line in lines).encode())
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_answers_given_on_a_terminal_become_the_configuration(home: Home) -> None:
    code, out = answered(home, "Bread for cafés", "sourdough", "https://blog.example/feed", "r/breadit", "")
    assert (code, "Traceback" in out) == (0, False), out
    made = tomllib.loads(home.config.read_text(encoding="utf-8"))
    assert [feed["url"] for feed in made["feeds"]][-2:] == ["https://blog.example/feed", "r/breadit"]
    assert made["goals"][0]["sentence"] == "Bread for cafés"
    assert "starter" not in out


def test_who_names_nobody_is_told_of_the_starters_feeds(home: Home) -> None:
    code, out = answered(home, "", "", "")
    assert code == 0, out
    assert out.count("You named nobody to listen to, so it begins with the starter's public feeds.\n") == 1
    assert len(tomllib.loads(home.config.read_text(encoding="utf-8"))["feeds"]) > 10


def test_the_demo_has_a_store_of_its_own_and_says_how_to_leave_it(home: Home) -> None:
    ran = home.ok("init", "--demo")
    config, store = home.folder / ".config/listener/config.toml", home.folder / ".config/listener/demo.db"
    assert store.exists()
    assert not (home.folder / ".local").exists(), "the user's own store is not touched"
    assert f"To leave the demo, delete {config} and {store}" in ran.out
    assert home.ok("briefing").out.count("https://") > 3
    config.unlink()
    store.unlink()
    assert home.ok("feeds", "list", "--json").out == ""


def test_a_configuration_that_is_named_is_made(home: Home) -> None:
    demo, own = str(home.folder / "sub" / "demo.toml"), str(home.folder / "own" / "own.toml")
    ran = home.ok("--config", demo, "init", "--demo")
    assert f"listener --config {demo} briefing" in ran.out
    assert home.ok("--config", demo, "posts", "--json").rows()
    home.ok("--config", own, "init", "--starter")
    assert len(home.ok("--config", own, "feeds", "list", "--json").rows()) > 10
    home.environ["LISTENER_CONFIG"] = "third.toml"
    home.ok("init", "--starter")
    assert (home.folder / "third.toml").exists()


def test_the_demo_never_mixes_with_feeds_that_are_there(home: Home) -> None:
    home.write('[[feeds]]\nurl = "https://blog.example/feed"\n')
    before = home.config.read_text()
    ran = home.run("init", "--demo")
    assert ran.code == 1
    assert "in use" in ran.err
    assert "--config demo.toml init --demo" in ran.err
    assert len(home.ok("feeds", "list", "--json").rows()) == 1
    assert home.config.read_text() == before
    home.ok("--config", "demo.toml", "init", "--demo")
    assert home.run("--config", "demo.toml", "init", "--demo").code == 1
    assert len(home.ok("feeds", "list", "--json").rows()) == 1


def test_the_starter_and_the_demo_together_are_wrong_usage(home: Home) -> None:
    ran = home.run("init", "--starter", "--demo")
    assert ran.code == 2
    assert not (home.folder / ".config").exists()
