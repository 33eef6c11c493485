"""The page about alerts: each set-up is read and each command runs as it stands there, but for the addresses."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.commands import Home
from tests.servers import Reply, Seen, Server, serving

PAGE = (Path(__file__).parents[1] / "docs/alerts.md").read_text()
PARTS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
LEAD = (
    "Looking for bookkeeping software for our club",
    "Our rowing club of 340 needs accounting software before March. Can anyone recommend one? We have a budget.",
)
QUESTION = (
    "asyncio event loop hangs at shutdown",
    "How do I cancel all tasks of a TaskGroup in asyncio without a hang? I am stuck since two days.",
)


def blocks(part: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", part, re.DOTALL)


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line)[1:] for line in block.splitlines() if not line.startswith("listener up")]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda _: Reply(404)) as running:
        items: list[tuple[str, str]] = []

        def answer(seen: Seen) -> Reply:
            if seen.method != "GET":
                return Reply(200, b"{}")
            now = format_datetime(datetime.now(UTC))
            written = "".join(
                f"<item><guid>{n}</guid><title>{title}</title><description>{text}</description>"
                f"<link>https://forum.example/{n}</link><pubDate>{now}</pubDate></item>"
                for n, (title, text) in enumerate(items)
            )
            body = f'<rss version="2.0"><channel><title>Forum</title>{written}</channel></rss>'
            return Reply(200, body.encode(), {"Content-Type": "application/rss+xml"})

        running.answer = answer
        running.items = items  # type: ignore[attr-defined]
        yield running


def home(tmp_path: Path, server: Server, part: str) -> Home:
    [config] = blocks(part, "toml")
    config = re.sub(r"^(url|connector|query) = .*\n", "", config, flags=re.MULTILINE)
    config = config.replace("[[feeds]]\n", f'[[feeds]]\nurl = "{server.url}/feed"\n')
    # Alerts wait at night; the test may run then.
    config = re.sub(r"^quiet = .*$", "", config, flags=re.MULTILINE)
    return Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n{config}')


def local(arguments: list[str], server: Server) -> list[str]:
    places = ("https://crm.example", "ntfys://ntfy.example")
    if arguments[:2] == ["channels", "add"]:
        return [f"{server.url}/hook" if one.startswith(places) else one for one in arguments]
    return arguments


def hooks(server: Server) -> list[dict[str, object]]:
    return [json.loads(seen.body) for seen in server.seen if seen.method == "POST"]


def test_the_page_has_a_salesperson_and_a_developer_in_under_a_page_each():
    assert [part.splitlines()[0] for part in PARTS] == ["A salesperson", "A developer", "Without a running program"]
    assert all(len(part.splitlines()) <= 60 for part in PARTS)


def test_the_salespersons_lead_reaches_the_desk_once_with_its_reason(tmp_path, server):
    part = PARTS[0]
    place = home(tmp_path, server, part)
    server.items.append(("Welcome", "This is the first post of the forum."))
    place.ok("poll")
    first, morning = blocks(part, "sh")
    for arguments in commands(first):
        place.ok(*local(arguments, server))
    tests = len(hooks(server))
    server.items.append(LEAD)
    for _ in range(2):
        place.ok("poll", "--all")
        place.ok("alerts", "deliver")
    [message] = hooks(server)[tests:]
    [item] = message["items"]
    assert (item["headline"], item["url"]) == (LEAD[0], "https://forum.example/1")
    assert "lead" in item["reason"]
    assert "club books" in item["reason"]
    assert item["command"] == f"listener label {item['post']} not-lead"
    for arguments in commands(morning):
        place.ok(*[str(item["post"]) if one in ("42", "43") else one for one in arguments])
    assert place.ok("leads", "--json").rows() == []  # it is none any more


def test_the_developers_question_is_asked_of_the_team_and_claimed_once(tmp_path, server):
    part = PARTS[1]
    place = home(tmp_path, server, part)
    server.items.append(("Welcome", "This is the first post of the forum."))
    place.ok("poll")
    first, claims = blocks(part, "sh")
    for arguments in commands(first):
        place.ok(*local(arguments, server))
    server.items.append(QUESTION)
    for block in blocks(PARTS[2], "sh"):
        for arguments in commands(block):
            place.ok(*arguments, *(["--all"] if arguments == ["poll"] else []))
    [message] = hooks(server)
    [item] = message["items"]
    assert item["headline"] == QUESTION[0]
    listing, ada, ben = (
        [str(item["post"]) if one == "57" else one for one in arguments] for arguments in commands(claims)
    )
    assert QUESTION[0] in place.ok(*listing).out
    place.ok(*ada)
    refused = place.run(*ben)
    assert refused.code == 1
    assert "claimed by Ada" in refused.err
