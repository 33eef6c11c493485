"""`listener up` and `poll` tell of one failure once."""

import signal
import time
from pathlib import Path

from tests.commands import Home
from tests.servers import Reply, serving


def test_a_failure_is_one_message_that_names_the_address_once(tmp_path: Path) -> None:
    with serving(lambda _: Reply(401)) as server:
        config = f'[network]\nallow_private = ["{server.host_port}"]\n[[feeds]]\nurl = "{server.url}/feed"\n'
        process = Home(tmp_path, config).start("up")
        end = time.monotonic() + 30
        while not server.seen and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(7)  # the first tick after the first poll is where it was told again
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert [line for line in err.splitlines() if "401" in line] == err.splitlines(), err
    assert err.count("HTTP 401") == 1, err
    assert err.count(server.host_port) == 1, err


def test_a_feed_that_can_never_be_polled_is_told_of_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "old.csv").write_text("platform,text\nmyspace,hello\n")
    home.ok("import", "old.csv")
    home.ok("feeds", "set", "1", "paused=no")
    assert home.run("poll").err.count("myspace is no more") == 1
