"""One `listener poll --all` over a server of every recorded feed stores every distinct entry, once, and sees edits."""

import json
from collections import Counter
from pathlib import Path

import feedparser
import pytest

from tests.commands import Home
from tests.servers import Reply, serving

NO_FEEDS = {"README.md", "manifest.json"}


def distinct(body: bytes, content_type: str) -> set[str]:
    """Find the distinct entries that feedparser finds (in JSON Feeds: the items), by id, else link, else text."""
    if body.lstrip()[:1] == b"{":
        items = json.loads(body).get("items", [])
        return {str(item.get("id") or item.get("url") or item.get("content_text")) for item in items}
    entries = feedparser.parse(body, response_headers={"content-type": content_type}).entries
    return {
        entry.get("id") or entry.get("link") or f"{entry.get('title')} {entry.get('summary')} {entry.get('content')}"
        for entry in entries
    }


@pytest.fixture
def feeds(recordings: Path) -> dict[str, tuple[bytes, str]]:
    """Every recorded feed: name to body and content type."""
    manifest = {row["file"]: row for row in json.loads((recordings / "feeds/manifest.json").read_text())}
    found = {}
    for path in sorted((recordings / "feeds").iterdir()):
        if path.name not in NO_FEEDS:
            headers = {key.lower(): value for key, value in manifest[path.name]["response_headers"].items()}
            guess = "application/json" if path.suffix == ".json" else "application/xml"
            found[path.name] = (path.read_bytes(), headers.get("content-type", guess))
    return found


@pytest.fixture
def home(tmp_path: Path):
    return Home(tmp_path)


def test_every_distinct_entry_is_stored_once_and_an_edit_shows(home, feeds):
    table = {f"/{name}": Reply(200, body, {"Content-Type": kind}) for name, (body, kind) in feeds.items()}
    with serving(table) as server:
        listed = "".join(f'[[feeds]]\nurl = "{server.url}{path}"\n' for path in table)
        home.write(f'[network]\nallow_private = ["{server.host_port}"]\n{listed}')
        home.ok("poll", "--all")
        names = {row["id"]: row["query"].rpartition("/")[2] for row in home.ok("feeds", "list", "--json").rows()}
        posts = home.ok("posts", "--limit", "100000", "--json").rows()
        stored = Counter(names[feed] for post in posts for feed in post["feeds"])
        expected = Counter({name: len(distinct(*feed)) for name, feed in feeds.items()})
        assert +(expected - stored) == Counter(), "entries that feedparser finds are missing"
        assert len({post["native_id"] for post in posts}) == len(posts)

        again = [row for row in home.run("poll", "--all", "--json").rows() if not row["error"]]
        assert [row for row in again if row["new"] or row["edited"]] == []
        assert len(home.ok("posts", "--limit", "100000", "--json").rows()) == len(posts)

        path = next(path for path in table if "heise" in path)
        edited = table[path].body.replace(b"<title>", b"<title>Corrected: ")
        table[path] = Reply(200, edited, {"Content-Type": "application/xml"})
        home.run("poll", "--all")
        found = home.ok("search", "Corrected:", "--json").rows()
        assert found
        assert len(home.ok("posts", "--limit", "100000", "--json").rows()) == len(posts)

        briefing = json.loads(home.ok("briefing", "--minutes", "10", "--format", "json").out)
        assert briefing["stories"] or briefing["questions"] or briefing["leads"]
