"""`listener import` as a user runs it: a file that is read, and the reason where one is not."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from tests.commands import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("name", "body", "arguments", "told"),
    [
        ("p.csv", b"id,text,url\n1,hi,\n", (), "p.csv: no column says which platform; name it with --platform"),
        ("p.csv", b"id;text;url\n1;hi;\n", ("--from", "archive"), "p.csv: no column says which platform; name it"),
        ("p.csv", b"id,text\n1," + b"x" * 50_000_000, (), "p.csv: no column says which platform; name it"),
        ("p.csv", b"", (), "p.csv: the file is empty"),
        ("p.csv", b"a,b\n1,2\n", ("--from", "archive"), "p.csv: neither CSV nor JSON with columns that are known"),
        ("p.csv", b"platform,text\n,hi\n", (), "p.csv: none of its 1 rows can be read; row 1: it names no"),
        ("p.zip", b"no zip", ("--from", "linkedin"), "p.zip: not a ZIP that can be read"),
        ("p.zip", zipped("a.txt", b"x"), ("--from", "facebook"), "p.zip: no export in JSON"),
        ("p.zip", zipped("a.txt", b"x"), ("--from", "archive"), "p.zip: a ZIP is not looked into; unpack it"),
        ("p.zip", zipped("Shares.csv", b"0" * 210_000_000), (), "Shares.csv: larger than 200,000,000 bytes"),
        ("p.gz", gzip.compress(b"0" * 60_000_000), (), "p.gz: it unpacks to more than 100 times its size"),
        ("p.txt", b"Dear diary", ("--from", "mail"), "p.txt: no mbox"),
        ("p.txt", b"Dear diary", ("--from", "rss"), "p.txt: rss reads no files"),
        ("p.mbox", b"Dear diary", ("--from", "mail", "--platform", "x"), "p.mbox: mail takes no --platform"),
        ("p.bin", bytes(range(256)) * 99, (), "p.bin: no connector knows this kind of file\n  archive: neither"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "…",
)
def test_a_file_that_cannot_be_imported_says_why_and_leaves_no_feed(home, name, body, arguments, told):
    (home.folder / name).write_bytes(body)
    ran = home.run("import", name, *arguments)
    assert (ran.code, told in ran.err) == (1, True), ran.err
    assert home.ok("feeds", "--json").rows() == []


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_the_user_may_name_the_platform_of_a_file(home, delimiter):
    rows = ("id,author,text,published_at,url", "1,tom,Thanks for the add!,2007-05-01,https://myspace.example/1")
    (home.folder / "mine.csv").write_text("\n".join(row.replace(",", delimiter) for row in rows))
    assert "1 post, 1 of them new" in home.ok("import", "mine.csv", "--platform", "MySpace").out
    assert [row["platform"] for row in home.ok("posts", "--since", "2000-01-01", "--json").rows()] == ["myspace"]
    assert [row["title"] for row in home.ok("feeds", "--json").rows()] == ["mine (myspace)"]


def test_people_alone_make_no_feed(home):
    (home.folder / "friends.csv").write_text("network,name,handle\nmyspace,Rosa Vale,rosa\n")
    assert "1 person you know" in home.ok("import", "friends.csv").out
    assert home.ok("feeds", "--json").rows() == []


def test_the_columns_of_a_file_are_shown(home):
    out = home.ok("connectors", "archive").out
    assert "published_at" in out
    assert "--platform NAME" in out
