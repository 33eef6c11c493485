"""LinkedIn: walks over a page's posts and comments, and exports of one's own data, hostile ones too."""

import io
import json
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from connectors.linkedin import COUNT, LinkedIn, Settings
from connectors.linkedin.export import when
from connectors.linkedin.posts import little
from listener import exports
from listener.addresses import NetworkRules
from listener.connector import archive, poll
from listener.errors import BadPayload, ConnectorError
from listener.http import Client, Limits
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

NOW_MS = 1_788_335_000_000


class Company:
    """A page, whose posts stand with the last changed first."""

    def __init__(self) -> None:
        self.posts: dict[str, dict] = {}
        self.comments: dict[str, list[dict]] = {}

    def say(self, number: int, minutes: int) -> str:
        urn = f"urn:li:share:{7_100_000_000_000_000_000 + number}"
        at = NOW_MS + minutes * 60_000
        self.posts[urn] = {"id": urn, "commentary": f"p{number}", "publishedAt": at, "lastModifiedAt": at}
        return urn

    def reply(self, urn: str, number: int) -> str:
        name = f"urn:li:comment:({urn},{number})"
        said = {"id": str(number), "commentUrn": name, "object": urn, "message": {"text": f"c{number}"}}
        self.comments.setdefault(urn, []).append(said)
        return name

    def __call__(self, seen: Seen) -> Reply:
        assert seen.headers["authorization"] == "Bearer mine"
        assert (seen.headers["linkedin-version"], seen.headers["x-restli-protocol-version"]) == ("202610", "2.0.0")
        parts = urlsplit(seen.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/rest/organizations":
            return self.page([{"id": 1234567}] if asked["vanityName"] == "acme" else [], {"start": "0", "count": "1"})
        if parts.path == "/rest/posts":
            assert asked["author"] == "urn:li:organization:1234567"
            listed = sorted(self.posts.values(), key=lambda one: one["lastModifiedAt"], reverse=True)
            return self.page(listed, asked)
        urn = unquote(parts.path.removeprefix("/rest/socialActions/").removesuffix("/comments"))
        return self.page(self.comments.get(urn, []), asked)

    def page(self, listed: list[dict], asked: dict[str, str]) -> Reply:
        start, count = int(asked["start"]) if "start" in asked else 0, int(asked.get("count", 10))
        return Reply(200, json.dumps({"elements": listed[start : start + count]}).encode())


@contextmanager
def running(company: Company) -> Iterator[tuple[Server, LinkedIn]]:
    with serving(company) as server:
        client = Client(NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, host_slot_s=0.0))
        try:
            yield server, LinkedIn(Settings(token="mine", base_url=server.url), client)
        finally:
            client.close()


def walk(connector: LinkedIn, query: str, cursor: str | None = None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        assert len(pages) < 30, "the walk does not end"
        _, page = poll(connector, Feed(1, "linkedin", query, "linkedin"), cursor)
        pages.append(page)
        cursor = page.cursor
    return pages


def said(pages: list[Page]) -> set[str]:
    return {post.text for page in pages for post in page.posts}


def test_new_and_changed_posts_are_read_back_to_the_last_known_one():
    company = Company()
    for number in range(10):
        company.say(number, number)
    with running(company) as (_, connector):
        first = walk(connector, "company/1234567")
        for number in range(10, 10 + 2 * COUNT):
            company.say(number, number)
        company.posts["urn:li:share:7100000000000000003"] |= {
            "commentary": "p3, changed",
            "lastModifiedAt": NOW_MS + 900 * 60_000,
        }
        second = walk(connector, "company/1234567", first[-1].cursor)
        third = walk(connector, "company/1234567", second[-1].cursor)
    assert said(first) == {f"p{number}" for number in range(10)}
    assert said(second) >= {f"p{number}" for number in range(10, 10 + 2 * COUNT)} | {"p3, changed"}
    assert len(third) == 1
    assert not [page.gap for page in (*first, *second, *third) if page.gap]


def test_a_name_is_looked_up_once():
    company = Company()
    company.say(1, 1)
    with running(company) as (server, connector):
        pages = walk(connector, "company/acme")
        walk(connector, "company/acme", pages[-1].cursor)
        assert said(pages) == {"p1"}
        assert len([path for path in server.paths() if "vanityName" in path]) == 1
        with pytest.raises(ConnectorError, match="no such page"):
            walk(connector, "company/nobody")


def test_comments_of_the_newest_posts_and_their_answers_are_read_again_each_round():
    company = Company()
    urns = [company.say(number, number) for number in range(3)]
    for number in range(COUNT + 20):
        name = company.reply(urns[0], 100 + number)
    company.comments[urns[0]][-1]["commentsSummary"] = {"aggregatedTotalComments": 1}
    company.comments[name] = [{"id": "900", "commentUrn": "urn:li:comment:(x,900)", "message": {"text": "c900"}}]
    company.reply(urns[2], 500)
    with running(company) as (_, connector):
        first = walk(connector, "company/1234567/comments")
        company.reply(urns[1], 600)
        second = walk(connector, "company/1234567/comments", first[-1].cursor)
    assert said(first) == {f"c{100 + number}" for number in range(COUNT + 20)} | {"c900", "c500"}
    assert "c600" in said(second)


def test_an_old_version_says_which_setting_to_change():
    company = Company()
    with running(company) as (server, connector):
        server.answer = lambda _: Reply(426, b'{"status":426,"code":"NONEXISTENT_VERSION","message":"x"}')
        with pytest.raises(ConnectorError, match=r'connectors\.linkedin\.version .* such as "202610"'):
            walk(connector, "company/1234567")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("https://www.linkedin.com/company/1234567/", "company/1234567"),
        ("linkedin.com/company/Acme-Ltd/posts/?feedView=all", "company/acme-ltd"),
        ("https://www.linkedin.com/feed/update/urn%3Ali%3Ashare%3A7100000000000000001/", "post/urn:li:share:7100000000000000001"),  # noqa: E501
        ("https://www.linkedin.com/posts/acme_we-are-open-activity-7100000000000000001-abCd", "post/urn:li:activity:7100000000000000001"),  # noqa: E501
        ("linkedin:company/1234567/comments", "company/1234567/comments"),
        ("https://www.linkedin.com/in/somebody/", None),
        ("https://example.org/company/1", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_people_paste(text, query):
    found = LinkedIn(Settings(), None).feed_for(text)
    assert (found.query if found else None) == query


def test_an_own_page_has_posts_and_comments():
    mine = LinkedIn(Settings(), None).mine("https://www.linkedin.com/company/1234567/")
    assert [feed.query for feed in mine] == ["company/1234567", "company/1234567/comments"]


def test_little_text_is_read_to_plain_text():
    assert little(r"\@a \\ {hashtag|\#|x\_y} @[A \] B](urn:li:person:x-1)").text == r"@a \ #x_y A ] B"


# exports

CONNECTIONS = """Notes:
"When exporting your connection data, you may notice that some of the email addresses are missing."

First Name,Last Name,URL,Email Address,Company,Position,Connected On
Ines,Mora,https://www.linkedin.com/in/ines-mora,,"Quay, Inc.",Head of Boats,12 Mar 2024
Tom,Lee,https://www.linkedin.com/in/tom%C3%A9,,,,02 Jan 2025
,,,,,,
"""
GERMAN = "\ufeffVorname,Nachname,URL,E-Mail-Adresse,Unternehmen,Position,Verbunden am\r\nIda,Öz,https://www.linkedin.com/in/ida,,,,12 Mär 2024\r\n"  # noqa: E501
MESSAGES = """CONVERSATION ID,CONVERSATION TITLE,FROM,SENDER PROFILE URL,TO,RECIPIENT PROFILE URLS,DATE,SUBJECT,CONTENT,FOLDER,ATTACHMENTS
2-abc==,,Ines Mora,https://www.linkedin.com/in/ines-mora,Ada Me,https://www.linkedin.com/in/ada,2024-10-26 11:43:11 UTC,,"Do you know
a boat builder?",INBOX,
2-abc==,,Ada Me,https://www.linkedin.com/in/ada,Ines Mora,https://www.linkedin.com/in/ines-mora,2024-10-26 11:40:00 UTC,Hello,<p>Hi <b>Ines</b></p>,SENT,
"""  # noqa: E501
MESSAGES_2020 = (
    "FROM,TO,DATE,SUBJECT,CONTENT,DIRECTION,FOLDER\nInes Mora,Ada Me,2020-02-03T10:00:00Z,,Hello,INCOMING,INBOX\n"
)
SHARES = """Date,ShareLink,ShareCommentary,SharedUrl,MediaUrl,Visibility
2024-05-06 07:08:09,https://www.linkedin.com/feed/update/urn%3Ali%3Ashare%3A7100000000000000001,"We are open
""
""come by",https://quay.example/,,MEMBER_NETWORK
"""
COMMENTS = """Date,Link,Message
2024-05-06 07:08:09,https://www.linkedin.com/feed/update/urn:li:activity:7100000000000000001?commentUrn=urn%3Ali%3Acomment%3A%28activity%3A7100000000000000001%2C7100000000000000002%29,Try the north quay
"""  # noqa: E501
INVITATIONS = """From,To,Sent At,Message,Direction,inviterProfileUrl,inviteeProfileUrl
Ines Mora,Ada Me,"1/15/24, 3:04\u202fPM",Let us talk,INCOMING,https://www.linkedin.com/in/ines-mora,https://www.linkedin.com/in/ada
Tom Lee,Ada Me,"1/16/24, 3:04 PM",,INCOMING,https://www.linkedin.com/in/tom,https://www.linkedin.com/in/ada
"""
FILES = {
    "Connections.csv": CONNECTIONS,
    "messages.csv": MESSAGES,
    "Shares.csv": SHARES,
    "Comments.csv": COMMENTS,
    "Invitations.csv": INVITATIONS,
    "Profile.csv": "First Name,Last Name\nAda,Me\n",
}


def imported(path: Path) -> dict[str, list[Page]]:
    found: dict[str, list[Page]] = {}
    for feed, page in archive(LinkedIn(Settings(), None), path):
        found.setdefault(feed.query, []).append(page)
    return found


def zipped(path: Path, contents: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in contents.items():
            made.writestr(name, content)
    return path


def written(folder: Path, contents: dict[str, str]) -> Path:
    for name, content in contents.items():
        (folder / name).write_bytes(content.encode())
    return folder


@pytest.mark.parametrize("form", ["zip", "zip with a folder", "folder"])
def test_an_export_is_read_whole_in_any_form(tmp_path, form):
    if form == "folder":
        path = written(tmp_path, FILES)
    else:
        prefix = "Basic_LinkedInDataExport_11-24-2026/" if "folder" in form else ""
        path = zipped(tmp_path / "export.zip", {prefix + name: content for name, content in FILES.items()})
    found = imported(path)
    assert set(found) == {f"export/{kind}" for kind in ("connections", "messages", "shares", "comments", "invitations")}
    follows = found["export/connections"][0].follows
    assert [(one.account.native_id, one.account.name) for one in follows] == [
        ("in/ines-mora", "Ines Mora"),
        ("in/tomé", "Tom Lee"),
    ]
    first, second = found["export/messages"][0].posts
    assert first.account == follows[0].account
    assert (first.text, first.visibility, first.thread) == (
        "Do you know\na boat builder?",
        "direct",
        "conversation/2-abc==",
    )
    assert first.published_at == datetime(2024, 10, 26, 11, 43, 11, tzinfo=UTC)
    assert (second.title, second.text, second.mentions) == ("Hello", "Hi Ines", ("Ines Mora",))
    [share] = found["export/shares"][0].posts
    assert (share.native_id, share.text) == ("urn:li:share:7100000000000000001", "We are open\n\ncome by")
    assert (share.links, share.visibility) == (("https://quay.example/",), "public")
    [comment] = found["export/comments"][0].posts
    assert comment.native_id == "urn:li:comment:(urn:li:activity:7100000000000000001,7100000000000000002)"
    assert comment.in_reply_to == "urn:li:activity:7100000000000000001"
    [invitation] = found["export/invitations"][0].posts
    assert invitation.published_at == datetime(2024, 1, 15, 15, 4, tzinfo=UTC)


def test_the_recorded_connections_are_three(tmp_path, recordings):
    path = recordings / "linkedin" / "export_Connections_SYNTHETIC.csv"
    follows = imported(path)["export/connections"][0].follows
    assert [one.account.handle for one in follows] == ["priyashah", "samlee", "alexkim"]


@pytest.mark.parametrize(
    ("content", "kind", "count"),
    [
        (GERMAN.encode(), "connections", 1),
        (GERMAN.removeprefix("\ufeff").encode("utf-16"), "connections", 1),
        (MESSAGES_2020.encode(), "messages", 1),
        (b"\n\n\n" + MESSAGES_2020.encode(), "messages", 1),
        (("x\n" * 12 + MESSAGES_2020).encode(), None, 0),
        (b"First Name,Last Name\nAda,Me\n", None, 0),
        (b"", None, 0),
        (b"\x00\xff\xfe", None, 0),
    ],
)
def test_a_file_alone_is_known_by_its_header(tmp_path, content, kind, count):
    path = tmp_path / "renamed.csv"
    path.write_bytes(content)
    found = imported(path)
    assert list(found) == ([f"export/{kind}"] if kind else [])
    assert sum(len(page.posts) + len(page.follows) for pages in found.values() for page in pages) == count


def test_the_same_file_gives_the_same_ids_and_long_ones_come_in_pages(tmp_path):
    rows = "".join(f"Ines,Ada,2020-02-03T10:00:{n % 60:02}Z,,Hello {n},IN,INBOX\n" for n in range(1_200))
    path = written(tmp_path, {"messages.csv": MESSAGES_2020 + rows})
    pages = imported(path)["export/messages"]
    assert [len(page.posts) for page in pages] == [500, 500, 201]
    assert pages == imported(path)["export/messages"]


def test_a_row_that_is_none_is_put_aside_and_the_others_are_read(tmp_path):
    huge = '"' + "x" * 200_000 + '"'
    path = written(
        tmp_path, {"messages.csv": MESSAGES_2020 + f"A,B,2020-02-03T10:00:00Z,,{huge},IN,INBOX\nA,B,x,,Hi,IN,I\n"}
    )
    [page] = imported(path)["export/messages"]
    assert [post.text for post in page.posts] == ["Hello", "Hi"]
    assert [reject.reason for reject in page.rejects] == ["messages.csv, row 3: it is no row of a CSV file"]


def link_entry() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("Shares.csv")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def test_a_zip_writes_nothing_and_reads_fixed_names_only(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("../../messages.csv", MESSAGES)
        made.writestr("/etc/Connections.csv", CONNECTIONS)
        made.writestr(link_entry(), "/etc/passwd")
        made.writestr("evil.csv", MESSAGES)
        made.writestr("messages.csv.exe", MESSAGES)
    before = sorted(tmp_path.parent.rglob("*"))
    assert set(imported(path)) == {"export/messages", "export/connections"}
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_a_zip_bomb_is_given_up_while_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(exports, "BYTES", 1_000_000)
    path = zipped(tmp_path / "export.zip", {"messages.csv": MESSAGES_2020 + "x" * 5_000_000})
    with pytest.raises(BadPayload, match="larger than"):
        imported(path)
    path = zipped(tmp_path / "two.zip", {"a/messages.csv": "x" * 700_000, "b/messages.csv": "x" * 700_000})
    with pytest.raises(BadPayload, match="larger than"):
        imported(path)


def damaged() -> dict[str, bytes]:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive_:
        archive_.writestr("messages.csv", MESSAGES * 50)
    whole = made.getvalue()
    flagged = bytearray(whole)
    flagged[6] |= 1  # "this file is encrypted", in its own header and in the list
    flagged[flagged.index(b"PK\x01\x02") + 8] |= 1
    return {
        "cut off": whole[: len(whole) // 2],
        "nonsense": b"PK\x03\x04" + b"\xff" * 100,
        "a wrong checksum": whole.replace(whole[60:70], b"\x00" * 10, 1),
        "encrypted": bytes(flagged),
        "empty": b"",
    }


@pytest.mark.parametrize("kind", damaged())
def test_a_damaged_zip_says_so(tmp_path, kind):
    path = tmp_path / "export.zip"
    path.write_bytes(damaged()[kind])
    with pytest.raises(BadPayload):
        imported(path)


def test_links_in_a_folder_are_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_text(MESSAGES)
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "messages.csv").symlink_to(tmp_path / "secret.txt")
    assert imported(folder) == {}


@pytest.mark.parametrize("name", ["photo.jpg", "posts.json", "nothing.zip"])
def test_other_files_are_not_ours(tmp_path, name):
    path = tmp_path / name
    if name.endswith("zip"):
        zipped(path, {"readme.txt": "x"})
    else:
        path.write_bytes(b"x")
    assert imported(path) == {}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-10-26 11:43:11 UTC", datetime(2024, 10, 26, 11, 43, 11, tzinfo=UTC)),
        ("2020-02-03T10:00:00+02:00", datetime(2020, 2, 3, 8, tzinfo=UTC)),
        ("1/5/24, 9:04 AM", datetime(2024, 1, 5, 9, 4, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_of_all_forms_are_utc(text, moment):
    assert when(text) == moment
