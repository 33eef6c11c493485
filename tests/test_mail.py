"""Mail and news: what a message says, walks over real loopback servers, and that nothing is ever marked as read."""

import base64
import gzip
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mail import Mail, Settings, folders, notices
from connectors.mail.headers import decoded_bytes, moment
from connectors.mail.messages import Found, Source, read_all
from listener import connector
from listener.connector import poll
from listener.errors import BadPayload, ConnectorError, NotAuthorised
from listener.normalise import check, normalise
from listener.types import Feed, Page, Post
from tests.hostile.servers import authority
from tests.servers_mail import PASSWORD, Box, Imap, Kept, News, Nntp, listening, speaking

NOW = datetime.now(UTC).replace(microsecond=0)
USER = "ada@example.org"
PUBLIC = Source("nntp", "public", "comp.test")


def one(raw: str | bytes, source: Source = PUBLIC) -> Post:
    body = raw if isinstance(raw, bytes) else raw.encode()
    [post] = read_all([Found(body)], source)[0]
    return post


def mail(number: int, text: str = "", **headers: str) -> bytes:
    lines = {
        "From": f"Bo <bo{number % 3}@example.org>",
        "Date": (NOW - timedelta(hours=2)).strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "Subject": f"Subject {number}",
        "Message-ID": f"<m{number}@example.org>",
    }
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + f"\r\n{text or f'Text {number}'}\r\n"
    ).encode()


def ids(page: Page) -> list[str]:
    return [post.native_id for post in page.posts]


# what a message says


def test_a_message_becomes_a_post_with_its_thread_its_list_and_its_author():
    post = one(
        "From: =?utf-8?q?Zo=C3=AB?= Vale <Zoe@Example.ORG>\n"
        "Date: Fri, 4 May 2007 20:30:00 +0200\n"
        "Subject: Re: =?iso-8859-1?q?Gr=FC=DFe?=\n from the\n\tteam\n"
        "Message-ID: <c@example.org>\nIn-Reply-To: <b@example.org> (Bo's message)\n"
        "References: <a@example.org>\n\t<b@example.org>\n"
        "List-Id: The list <Talk.Example.org>\nKeywords: one, two\nContent-Language: de\n"
        "Archived-At: <https://list.example.org/m/c>\n\nSee https://example.org/x.\n",
        Source("mail"),
    )
    assert (post.platform, post.native_id, post.kind, post.title) == (
        "mail",
        "c@example.org",
        "reply",
        "Re: Grüße from the team",
    )
    assert (post.in_reply_to, post.thread) == ("b@example.org", "a@example.org")
    assert post.account.native_id == post.account.handle == "zoe@example.org"
    assert (post.account.name, post.account.is_bot, post.account.opted_out) == ("Zoë Vale", None, False)
    assert post.published_at == datetime(2007, 5, 4, 18, 30, tzinfo=UTC)
    assert (post.community, post.tags, post.lang) == ("talk.example.org", ("one", "two"), "de")
    assert (post.url, post.links) == ("https://list.example.org/m/c", ("https://example.org/x",))


@pytest.mark.parametrize(
    ("headers", "is_bot", "opted_out"),
    [
        ({}, None, False),
        ({"X_No_Archive": "Yes"}, None, True),
        ({"Archive": "no"}, None, True),
        ({"Auto_Submitted": "auto-generated"}, True, False),
        ({"Auto_Submitted": "no"}, None, False),
        ({"From": "Shop <no-reply@example.org>"}, True, False),
    ],
)
def test_headers_say_what_a_sender_is_and_wants(headers, is_bot, opted_out):
    account = one(mail(1, **headers)).account
    assert (account.is_bot, account.opted_out) == (is_bot, opted_out)


def test_a_message_without_an_id_gets_one_that_stays():
    bare = mail(1, Message_ID="")
    assert one(bare).native_id == one(bare).native_id
    assert one(bare).native_id.startswith("hash:")
    assert one(bare).native_id != one(mail(2, Message_ID="")).native_id


TEXTS = {
    "a quote below its attribution": ("Yes.\n\nOn Monday, Bo <b@example.org> wrote:\n> x\n> y\n\nNo.", "Yes.\n\nNo."),
    "one of two lines": ("On Mon, 1 Jan 2024, Bo Li via talk\n<talk@example.org> wrote:\n> old\n\nNew", "New"),
    "a German attribution": ("Am 1.1.2024 um 10:00 schrieb Bo:\n>old\n\nNeu", "Neu"),
    "a text that ends with a colon": ("Two points:\n> old\nHere.", "Two points:\nHere."),
    "a signature": ("Text\n\n-- \nBo\nExample Ltd", "Text"),
    "a rule that is no signature": ("One\n--\n" + "line\n" * 20, "One\n--\n" + "line\n" * 19 + "line"),
    "an Outlook reply": ("New\n\n-----Original Message-----\nFrom: Bo\n\nold", "New"),
    "an Outlook reply without a rule": ("New\n\nFrom: Bo Li\nSent: Monday\nTo: Ada\n\nold", "New"),
    "a list's footer": ("Text\n" + "_" * 47 + "\ntalk mailing list\ntalk@example.org", "Text"),
    "an archive's next part": ("Text\n-------------- next part --------------\nscrubbed...", "Text"),
    "quotes only": ("> old\n> older", ""),
    "hidden filler": ("Hello \u200c \u200c \u200c \u200c there", "Hello  there"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_only_what_the_author_wrote_is_text(name):
    given, due = TEXTS[name]
    assert one(mail(1, given, Content_Type="text/plain; charset=utf-8")).text == due


def test_flowing_lines_are_joined_and_stuffed_ones_are_freed():
    flowed = mail(
        1,
        "A line that \r\ngoes on.\r\n From here\r\n> quoted \r\n> on\r\n-- \r\nBo",
        Content_Type="text/plain; format=flowed",
    )
    assert one(flowed).text == "A line that goes on.\nFrom here"
    delsp = mail(1, "zusammen \r\ngesetzt", Content_Type="text/plain; format=flowed; delsp=yes")
    assert one(delsp).text == "zusammengesetzt"


@pytest.mark.parametrize(
    ("charset", "raw", "read_so"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode("latin-1"), "Grüße"),
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),
        ("koi8-r", "привет".encode("koi8-r"), "привет"),
        ("x-unknown", "Grüße".encode(), "Grüße"),
        ("x-unknown", "Grüße".encode("cp1252"), "Grüße"),
        ("iso-2022-jp", "日本".encode("iso-2022-jp"), "日本"),
        ("base64", "Grüße".encode(), "Grüße"),
        (None, b"\x81\xff", "\ufffdÿ"),
    ],
)
def test_a_wrong_charset_is_read_as_what_it_is(charset, raw, read_so):
    assert decoded_bytes(raw, charset) == read_so
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\nMessage-ID: <1@x>\n\n"
    assert one(head.encode() + raw).text == read_so
    packed = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64\n\n".encode()
    assert one(packed + base64.b64encode(raw)).text == read_so


def test_a_mail_of_html_only_is_read_as_text_with_its_links_and_without_quotes():
    html = (
        '<style>p{}</style><p>News for <b>you</b>: <a href="https://example.org/a?b=1&amp;c=2">read</a></p>'
        '<div class="gmail_quote">On Monday Bo wrote:<blockquote>old</blockquote></div>'
    )
    post = one(mail(1, html, Content_Type="text/html; charset=utf-8"))
    assert (post.text, post.links) == ("News for you: read", ("https://example.org/a?b=1&c=2",))


def test_of_two_forms_the_plain_one_is_read_unless_it_says_nothing():
    def both(plain: str) -> str:
        html = "<p>The whole letter, at length.</p>"
        body = f"--x\nContent-Type: text/plain\n\n{plain}\n--x\nContent-Type: text/html\n\n{html}\n--x--"
        return one(mail(1, body, Content_Type='multipart/alternative; boundary="x"')).text

    assert both("A plain text that is long enough to be one.") == "A plain text that is long enough to be one."
    assert both("See the HTML part.") == "The whole letter, at length."


def test_attachments_and_forwarded_messages_are_not_text():
    body = (
        "--x\nContent-Type: text/plain\nContent-Disposition: attachment\n\nattached\n"
        "--x\nContent-Type: message/rfc822\n\nSubject: inner\n\ninner\n--x\nContent-Type: text/plain\n\nouter\n--x--"
    )
    assert one(mail(1, body, Content_Type='multipart/mixed; boundary="x"')).text == "outer"


@pytest.mark.parametrize(
    ("date", "others", "at"),
    [
        ("Fri, 4 May 2007 20:30:00 +0200", {}, (18, 30)),
        ("Fri, 4 May 2007 18:30:00 GMT", {}, (18, 30)),
        ("4 May 2007 18:30 -0000", {}, (18, 30)),
        ("Fri, 4 May 2007 18:30:00 some zone", {}, (18, 30)),
        ("Fri, 4 May 2007 18:30:00 some zone", {"NNTP_Posting_Date": "Fri, 4 May 2007 19:00:00 +0000"}, (18, 30)),
        ("Fri, 4 May 1997 18:30:00", {"NNTP_Posting_Date": "Fri, 4 May 2007 19:00:00 +0000"}, (19, 0)),
        ("RANDOM", {"Injection_Date": "Fri, 4 May 2007 19:00:00 +0000"}, (19, 0)),
        ("RANDOM", {}, None),
        ("", {}, None),
        ("Fri, 4 May 99999 18:30:00 +0000", {}, None),
    ],
)
def test_a_date_is_believed_as_far_as_it_says_its_zone(date, others, at):
    found = one(mail(1, Date=date, **others)).published_at
    assert found == (None if at is None else datetime(2007, 5, 4, *at, tzinfo=UTC))


# notices


def test_an_alert_by_mail_is_a_post_for_each_result_with_its_real_address():
    body = (
        "=== News - 2 new results for [invoicing] ===\n\nA small tool for bakers\nThe Example Times\n"
        "It makes invoices from flour\nand water.\n"
        "<https://www.google.com/url?rct=j&sa=t&url=https://times.example.org/tool&ct=ga&usg=AOv>\n\n\n"
        "Second\nBlog\nMore.\n<https://www.google.com/url?q=https://blog.example.org/b%3Fc%3D1&usg=x>\n\n"
        "- - - - - - - -\nUnsubscribe from this Google Alert:\n<https://www.google.com/alerts/remove?s=secret>\n"
    )
    raw = mail(1, body, From="Google Alerts <googlealerts-noreply@google.com>", In_Reply_To="<m0@example.org>")
    posts, _ = read_all([Found(raw)], Source("mail", "private"))
    assert {(post.kind, post.in_reply_to) for post in posts} == {("post", None)}
    assert [(post.native_id, post.title, post.text, post.url) for post in posts] == [
        ("m1@example.org#1", "A small tool for bakers", "It makes invoices from flour and water.", "https://times.example.org/tool"),
        ("m1@example.org#2", "Second", "More.", "https://blog.example.org/b?c=1"),
    ]  # fmt: skip
    html = (
        '<a href="https://www.google.com/url?url=https://a.example/1&amp;ct=ga"><b>One</b> thing</a>'
        '<a href="https://www.google.com/alerts/x">no</a>'
    )
    post = one(mail(2, html, From="googlealerts-noreply@google.com", Content_Type="text/html"))
    assert (post.title, post.url) == ("One thing", "https://a.example/1")


@pytest.mark.parametrize(
    ("link", "real"),
    [
        ("https://www.linkedin.com/comm/feed/update/urn%3Ali%3Aactivity%3A71/?midToken=SECRET&trk=eml",
         "https://www.linkedin.com/feed/update/urn:li:activity:71/"),
        ("https://www.linkedin.com/comm/pulse/a-title-ada-vale?trackingId=SECRET", "https://www.linkedin.com/pulse/a-title-ada-vale"),
        ("https://www.linkedin.com/comm/psettings/email-unsubscribe?midToken=SECRET", None),
        ("https://www.facebook.com/n/?groups%2F12%2Fpermalink%2F34%2F&aref=SECRET&medium=email&mid=SECRET",
         "https://www.facebook.com/groups/12/permalink/34/"),
        ("https://www.facebook.com/n/?permalink.php&story_fbid=5&id=6&bcode=SECRET&n_m=x",
         "https://www.facebook.com/permalink.php?story_fbid=5&id=6"),
        ("https://www.facebook.com/groups/12/posts/34/?notif_id=SECRET&ref=email", "https://www.facebook.com/groups/12/posts/34/"),
        ("https://www.facebook.com/o.php?u=SECRET", None),
        ("https://l.facebook.com/l.php?u=https%3A%2F%2Fexample.org%2Fx&h=SECRET", "https://example.org/x"),
        ("https://example.org/x", None),
        ("https://[broken", None),
        ("https://www.google.com/url?url=javascript:alert(1)", None),
    ],
)  # fmt: skip
def test_a_notices_link_is_unwrapped_and_its_tokens_are_dropped(link, real):
    assert notices.real(link) == real


def test_a_notice_is_about_its_post_and_holds_no_token():
    text = (
        "Ada Vale commented: who knows a printer?\n"
        "View: https://www.linkedin.com/comm/feed/update/urn:li:activity:7/?midToken=SECRET\n"
        "Unsubscribe: https://www.linkedin.com/comm/psettings?midToken=SECRET\n"
    )
    post = one(mail(1, text, From="Ada via LinkedIn <notifications-noreply@linkedin.com>"))
    assert post.url == "https://www.linkedin.com/feed/update/urn:li:activity:7/"
    assert post.title == "Subject 1"
    assert "SECRET" not in json.dumps([post.text, post.links, post.url])
    assert "who knows a printer?" in post.text
    assert one(mail(1, "Your security code", From="x <security@linkedin.com>")).text == "Your security code"


# hostile messages


HOSTILE = {
    "nothing": b"",
    "no head": b"\n\n\n",
    "NUL": b"\0" * 5_000,
    "no header ends": b"Subject: x" * 50_000,
    "a huge header": b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nx",
    "a huge From": b"From: " + b"(" * 500_000 + b"\n\nx",
    "many headers": b"X: y\n" * 200_000 + b"\nx",
    "long references": b"References: " + b"<a@b> " * 100_000 + b"\n\nx",
    "broken words": b"Subject: =?utf-8?b?////?= =?x?q?=FF?= =?utf-8?q?=ED=A0=80?=\n\nx",
    "broken parameters": b"Content-Type: text/plain; charset*0*=x; charset*=utf-9''%ff; =\n\nx",
    "broken base64": b"Content-Transfer-Encoding: base64\n\n====\xff\xfe!!!",
    "uuencode": b"Content-Transfer-Encoding: x-uuencode\n\nbegin 666 x\n####",
    "deep parts": b"".join(b"Content-Type: multipart/x; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(2_000)),
    "many parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 50_000,
    "quotes": b"Subject: x\n\n" + b">" * 200_000 + b"\n" + b"> \n" * 100_000,
    "colons": b"Subject: x\n\n" + b"a b:\n> q\n" * 50_000,
    "wrote": b"Subject: x\n\n" + b"On " + b"wrote " * 50_000 + b":\n> q\n",
    "filler": b"Content-Type: text/plain; charset=utf-8\n\n" + ("\u200b " * 100_000).encode() + b"x",
    "tags": b"Content-Type: text/html\n\n" + b"<div " * 100_000,
    "anchors": b"From: googlealerts-noreply@google.com\nContent-Type: text/html\n\n" + b'<a href="x">' * 50_000,
    "flowed": b"Content-Type: text/plain; format=flowed\n\n" + b"a \n" * 200_000,
    "surrogates": b"Subject: \xed\xa0\x80 \xff\nMessage-ID: <\xff@\xed\xa0\x80>\n\n\xed\xa0\x80",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_is_a_post_or_put_aside_and_costs_no_time(name):
    began = time.thread_time()
    posts, rejects = read_all([Found(HOSTILE[name]), Found(mail(1))], Source("mail", "private"))
    assert time.thread_time() - began < 3.0
    assert posts[-1].native_id == "m1@example.org"
    assert len(posts) + len(rejects) == 2
    for post in posts:
        assert check(normalise(post, NOW)) in (None, "it has nothing to show: no title, text, address, link or media")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: b"Subject: " + text.encode("utf-8", "replace")))
def test_any_bytes_are_read_without_a_sound(body):
    posts, rejects = read_all([Found(body)], PUBLIC)
    assert len(posts) + len(rejects) == 1
    assert not rejects


@given(st.text(max_size=60))
def test_any_folder_name_survives_its_spelling(name):
    name = name.encode("utf-8", "replace").decode()
    written = folders.quoted(name)
    assert written.isascii()
    assert folders.listed(rb'(\HasNoChildren) "/" ' + written.encode()) == name


def test_dates_of_news_lists_are_read():
    assert moment("Fri, 4 May 2007 18:30:00 GMT") == (datetime(2007, 5, 4, 18, 30, tzinfo=UTC), True)


# IMAP


@contextmanager
def mailbox(box: Box, tls: ssl.SSLContext | None = None, **more: object) -> Iterator[Mail]:
    with listening(Imap, tls, box=box) as port:
        told = {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, "ssl": tls is not None, **more}
        yield Mail(Settings.model_validate(told), None)


INBOX = Feed(1, "mail", "imap:INBOX", "mail")


def kept(uid: int, number: int | None = None, hours: float = 1, **more: str) -> Kept:
    return Kept(uid, mail(uid if number is None else number, **more), NOW - timedelta(hours=hours))


def walk(reader: Mail, feed: Feed, cursor: str | None) -> tuple[list[str], str | None, list[Page]]:
    """Poll until nothing waits, as a turn does."""
    found, pages = [], []
    while True:
        page = poll(reader, feed, cursor)[1]
        pages.append(page)
        found += ids(page)
        cursor = page.cursor
        if not page.more:
            return found, cursor, pages


def test_a_first_poll_looks_back_two_days_and_the_next_ones_bring_what_is_new():
    box = Box({"INBOX": [kept(1, hours=200), kept(2, hours=30), kept(4)]})
    with mailbox(box) as reader:
        found, cursor, pages = walk(reader, INBOX, None)
        assert found == ["m2@example.org", "m4@example.org"]
        assert {post.visibility for post in pages[0].posts} == {"private"}
        assert pages[0].posts[0].platform == "mail"
        assert walk(reader, INBOX, cursor)[0] == []
        box.of("INBOX").extend([kept(7), kept(9)])
        found, cursor, _ = walk(reader, INBOX, cursor)
        assert found == ["m7@example.org", "m9@example.org"]
        assert json.loads(cursor)["uid"] == 9


def test_nothing_is_marked_or_changed():
    box = Box({"INBOX": [kept(1), kept(2)]})
    with mailbox(box) as reader:
        walk(reader, INBOX, None)
    assert [one.flags for one in box.of("INBOX")] == [set(), set()]
    words = {said.split()[0] for said in box.said}
    assert words <= {"CAPABILITY", "LOGIN", "EXAMINE", "UID", "LOGOUT"}
    assert {said.split()[1] for said in box.said if said.startswith("UID")} == {"SEARCH", "FETCH"}


def test_an_empty_folder_has_a_mark_too():
    box = Box({"INBOX": []}, next_uid=40)
    with mailbox(box) as reader:
        found, cursor, _ = walk(reader, INBOX, None)
        assert (found, json.loads(cursor)["uid"]) == ([], 39)
        box.of("INBOX").append(kept(40, hours=500))
        assert walk(reader, INBOX, cursor)[0] == ["m40@example.org"], "what is moved here is new here"


def test_many_messages_come_in_pages_by_count_and_by_size(monkeypatch):
    box = Box({"INBOX": [kept(uid) for uid in range(1, 31)]})
    monkeypatch.setattr("connectors.mail.imap.MESSAGES", 12)
    with mailbox(box) as reader:
        found, cursor, pages = walk(reader, INBOX, None)
        assert [len(page.posts) for page in pages] == [12, 12, 6]
        assert found == [f"m{uid}@example.org" for uid in range(1, 31)]
        monkeypatch.setattr("connectors.mail.imap.PAGE_BYTES", 1_000)
        box.of("INBOX").extend(kept(uid, text="x" * 600) for uid in range(31, 35))
        found, _, pages = walk(reader, INBOX, cursor)
        assert found == [f"m{uid}@example.org" for uid in range(31, 35)]
        assert len(pages) == 4


def test_a_message_that_arrives_during_the_walk_comes_with_it(monkeypatch):
    monkeypatch.setattr("connectors.mail.imap.MESSAGES", 2)
    box = Box({"INBOX": [kept(uid) for uid in range(1, 4)]})
    with mailbox(box) as reader:
        page = poll(reader, INBOX, None)[1]
        box.of("INBOX").append(kept(4))
        del box.of("INBOX")[0]
        assert [*ids(page), *walk(reader, INBOX, page.cursor)[0]] == [f"m{uid}@example.org" for uid in range(1, 5)]


def test_a_folder_that_is_numbered_anew_is_read_again_with_an_overlap():
    box = Box({"INBOX": [kept(50), kept(51)]})
    with mailbox(box) as reader:
        cursor = walk(reader, INBOX, None)[1]
        box.validity, box.folders["INBOX"] = 12, [kept(1, 40, hours=90), kept(2, 51), kept(3, 52)]
        found, cursor, _ = walk(reader, INBOX, cursor)
        assert found == ["m51@example.org", "m52@example.org"], "known ones again, so that none is lost"
        assert json.loads(cursor)["validity"] == 12
        assert walk(reader, INBOX, cursor)[0] == []


def test_a_large_message_is_cut_and_read(monkeypatch):
    monkeypatch.setattr("connectors.mail.imap.MESSAGE_BYTES", 2_000)
    box = Box({"INBOX": [kept(1, text="word " * 5_000), kept(2)]}, uid_after=True)
    with mailbox(box) as reader:
        page = poll(reader, INBOX, None)[1]
    assert ids(page) == ["m1@example.org", "m2@example.org"]
    assert 1_000 < len(page.posts[0].text) < 2_000


@pytest.mark.parametrize("cursor", ["", "x", "[]", '{"validity": "x"}', '{"validity": 11, "uid": null}', "[" * 50_000])
def test_a_cursor_that_is_not_ours_begins_anew(cursor):
    with mailbox(Box({"INBOX": [kept(1)]})) as reader:
        assert walk(reader, INBOX, cursor)[0] == ["m1@example.org"]


def failure(reader: Mail, feed: Feed = INBOX) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        poll(reader, feed, None)
    assert PASSWORD not in f"{caught.value}{caught.value.__cause__}"
    return caught.value


def test_a_wrong_password_stops_until_it_is_changed():
    with mailbox(Box({"INBOX": []}), password="wrong") as reader:
        error = failure(reader)
    assert isinstance(error, NotAuthorised)
    assert "app password" in str(error)
    with mailbox(Box({"INBOX": []}, refusal="[UNAVAILABLE] later"), password="wrong") as reader:
        assert not isinstance(failure(reader), NotAuthorised)


def test_a_password_beyond_ascii_is_sent_as_utf8():
    with mailbox(Box({"INBOX": [kept(1)]}, password="pässwörd"), password="pässwörd") as reader:
        assert walk(reader, INBOX, None)[0] == ["m1@example.org"]


def test_an_unknown_folder_is_answered_with_those_there_are():
    box = Box({"INBOX": [], "Entw&APw-rfe": [kept(3)]})
    with mailbox(box) as reader:
        assert str(failure(reader, Feed(1, "mail", "imap:News", "mail"))) == (
            "mail imap:News: there is no folder 'News'; there are: INBOX, Entwürfe"
        )
        assert walk(reader, Feed(1, "mail", "imap:Entwürfe", "mail"), None)[0] == ["m3@example.org"]


def test_tls_is_read_with_a_trusted_certificate_only(tmp_path, monkeypatch):
    ca = authority(tmp_path)
    with mailbox(Box({"INBOX": [kept(1)]}), ca.context("127.0.0.1")) as reader:
        error = failure(reader)
        assert "the certificate of 127.0.0.1" in str(error)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.ca_file))
        assert walk(reader, INBOX, None)[0] == ["m1@example.org"]
    with mailbox(Box({"INBOX": [kept(1)]}), ssl=True) as reader:
        assert "speaks no TLS" in str(failure(reader))


def test_a_password_is_not_sent_in_the_clear_to_another_machine(monkeypatch):
    monkeypatch.setattr("connectors.mail.servers.Place.is_here", False)
    box = Box({"INBOX": []})
    with mailbox(box) as reader:
        assert "in the clear" in str(failure(reader))
    assert not any(said.startswith("LOGIN") for said in box.said)


@pytest.mark.parametrize("breaks_at", ["LOGIN", "EXAMINE", "UID SEARCH", "UID FETCH"])
def test_a_connection_that_breaks_off_is_an_error_of_ours(breaks_at):
    with mailbox(Box({"INBOX": [kept(1)]}, breaks_at=breaks_at)) as reader:
        assert type(failure(reader)) is ConnectorError


def test_a_server_that_hangs_babbles_or_is_not_there_is_an_error_of_ours(monkeypatch):
    monkeypatch.setattr("connectors.mail.imap.SILENCE_S", 0.3)
    talks = [lambda one: one.rfile.read(), lambda one: one.wfile.write(b"HTTP/1.1 400 no\r\n"),
             lambda one: one.wfile.write(b"x" * 3_000_000)]  # fmt: skip
    for talk in talks:
        with listening(speaking(talk)) as port:
            reader = Mail(Settings(host="127.0.0.1", port=port, user=USER, password=PASSWORD, ssl=False), None)
            assert str(failure(reader)).startswith("mail imap:INBOX: 127.0.0.1:")
    assert "cannot be read" in str(failure(reader)), "nobody listens there any more"
    with mailbox(Box({"INBOX": [kept(1)]}, literal=99_000_000_000)) as reader:
        assert "broke off" in str(failure(reader))


def test_what_is_missing_is_named():
    assert Mail(Settings(), None).missing() == "connectors.mail.host is not set"
    assert Mail(Settings(host="a", user="b"), None).missing() == "connectors.mail.password is not set"
    assert Mail(Settings(host="a", user="b", password="c"), None).missing() is None
    assert Mail(Settings(news_host="a"), None).missing() is None
    assert "connectors.mail.host is not set" in str(failure(Mail(Settings(), None)))
    assert isinstance(failure(Mail(Settings(host="a", user="b"), None)), NotAuthorised)


# NNTP


GROUP = Feed(2, "mail", "nntp://127.0.0.1/comp.test", "nntp")


@contextmanager
def newsroom(news: News, **more: object) -> Iterator[Mail]:
    with listening(Nntp, news=news) as port:
        told = {"news_host": "127.0.0.1", "news_port": port, "news_ssl": False, **more}
        yield Mail(Settings.model_validate(told), None)


def articles(*numbers: int) -> dict[int, bytes]:
    return {number: mail(number) for number in numbers}


def written(number: int, days: float) -> bytes:
    return mail(number, Date=(NOW - timedelta(days=days)).strftime("%a, %d %b %Y %H:%M:%S +0000"))


@pytest.mark.parametrize("over", ["OVER", "XOVER", ""])
def test_a_group_is_read_by_article_number_and_holes_are_no_trouble(over):
    group = articles(11, 12, 15)
    news = News({"comp.test": group}, over=over)
    with newsroom(news) as reader:
        found, cursor, pages = walk(reader, GROUP, None)
        assert found == ["m11@example.org", "m12@example.org", "m15@example.org"]
        post = pages[0].posts[0]
        assert (post.platform, post.visibility, post.community) == ("nntp", "public", "comp.test")
        assert walk(reader, GROUP, cursor)[0] == []
        group |= articles(16, 19)
        del group[12]
        found, cursor, _ = walk(reader, GROUP, cursor)
        assert found == ["m16@example.org", "m19@example.org"]
        assert json.loads(cursor) == {"number": 19}


def test_a_first_poll_of_a_group_looks_back_two_days_by_date():
    group = {1: written(1, 30), 2: written(2, 3), 3: written(3, 1), 4: mail(4, Date="nonsense")}
    with newsroom(News({"comp.test": group})) as reader:
        found, cursor, _ = walk(reader, GROUP, None)
        assert found == ["m3@example.org", "m4@example.org"]
        assert json.loads(cursor) == {"number": 4}


def test_many_articles_come_in_pages_without_a_loss(monkeypatch):
    monkeypatch.setattr("connectors.mail.nntp.ARTICLES", 7)
    monkeypatch.setattr("connectors.mail.nntp.WINDOW", 10)
    group = articles(*range(1, 9), *range(40, 60))
    with newsroom(News({"comp.test": group})) as reader:
        found, cursor, _ = walk(reader, GROUP, json.dumps({"number": 0}))
        assert found == [f"m{number}@example.org" for number in group]
        group |= articles(60)
        assert walk(reader, GROUP, cursor)[0] == ["m60@example.org"]


def test_articles_that_expired_unread_leave_a_gap():
    with newsroom(News({"comp.test": articles(90, 91)})) as reader:
        page = poll(reader, GROUP, json.dumps({"number": 50}))[1]
    assert ids(page) == ["m90@example.org", "m91@example.org"]
    assert (page.gap.older, page.gap.newer) == ("50", "90")


def test_a_server_that_numbers_anew_is_read_from_its_newest_on():
    with newsroom(News({"comp.test": {1: written(1, 40), 2: written(2, 1)}})) as reader:
        page = poll(reader, GROUP, json.dumps({"number": 500}))[1]
        assert ids(page) == ["m2@example.org"]
        assert page.gap.reason == "the server numbers its articles anew"
        assert json.loads(page.cursor) == {"number": 2}


def test_an_empty_group_keeps_its_mark():
    with newsroom(News({"comp.test": {}})) as reader:
        page = poll(reader, GROUP, json.dumps({"number": 500}))[1]
    assert (page.posts, json.loads(page.cursor), page.gap) == ((), {"number": 500}, None)


def test_a_line_that_begins_with_a_dot_is_whole():
    with newsroom(News({"comp.test": {1: mail(1, "one\r\n.\r\n..two\r\nthree")}})) as reader:
        assert poll(reader, GROUP, None)[1].posts[0].text == "one\n.\n..two\nthree"


def test_a_login_is_used_where_there_is_one():
    news = News({"comp.test": articles(1)}, login=("ada", PASSWORD))
    with newsroom(news, news_user="ada", news_password=PASSWORD) as reader:
        assert walk(reader, GROUP, None)[0] == ["m1@example.org"]
    for more in ({"news_user": "ada", "news_password": "wrong"}, {}):
        with newsroom(news, **more) as reader:
            assert isinstance(failure(reader, GROUP), NotAuthorised)


def test_only_the_configured_news_server_is_contacted():
    news = News({"comp.test": articles(1)})
    with newsroom(news) as reader:
        error = failure(reader, Feed(1, "mail", "nntp://other.example.org/comp.test", "nntp"))
        assert isinstance(error, NotAuthorised)
        assert 'news_host = "other.example.org"' in str(error)
        assert "no group" in str(failure(reader, Feed(1, "mail", "nntp://127.0.0.1/comp.other", "nntp")))
    assert news.said[-1] == "GROUP comp.other"


def test_a_news_server_that_breaks_off_babbles_or_floods_is_an_error_of_ours(monkeypatch):
    monkeypatch.setattr("connectors.mail.nntp.SILENCE_S", 0.3)
    monkeypatch.setattr("connectors.mail.nntp.ANSWER_BYTES", 50_000)
    for breaks_at in ("GROUP", "OVER", "ARTICLE"):
        with newsroom(News({"comp.test": articles(1)}, breaks_at=breaks_at)) as reader:
            assert "broke off" in str(failure(reader, GROUP))
    with newsroom(News({"comp.test": {1: mail(1, "x\r\n" * 50_000)}})) as reader:
        assert "we read no more" in str(failure(reader, GROUP))
    for greeting in ("* OK IMAP", "502 go away", "400 full"):
        with newsroom(News(greeting=greeting)) as reader:
            failure(reader, GROUP)
    with listening(speaking(lambda one: one.rfile.read())) as port:
        reader = Mail(Settings(news_host="127.0.0.1", news_port=port, news_ssl=False), None)
        assert "did not answer" in str(failure(reader, GROUP))


def test_another_server_may_be_aimed_at():
    with listening(Imap, box=Box({"INBOX": [kept(1)]})) as port:
        told = Settings(host="imap.example.org", user=USER, password=PASSWORD, base_url=f"imap://127.0.0.1:{port}")
        assert walk(Mail(told, None), INBOX, None)[0] == ["m1@example.org"]
    with listening(Nntp, news=News({"comp.test": articles(1)})) as port:
        told = Settings(news_host="news.example.org", base_url=f"nntp://127.0.0.1:{port}")
        feed = Feed(1, "mail", "nntp://news.example.org/comp.test", "nntp")
        assert walk(Mail(told, None), feed, None)[0] == ["m1@example.org"]


# files, and what people paste


def pages(path: Path) -> list[Page]:
    return [page for _, page in connector.archive(Mail(Settings(), None), path)]


RECORDED = {
    "hyperkitty_hyperkitty_2016_march.mbox": [("Germán Poo-Caamaño", "2016-03-03T17:20:35", "Hi,\n\nFor those of you")],
    "mbox_mbox_complex.mbox": [
        ("Eugenia Loli-Queru", "2004-09-22T09:03:40", "No matter what is really to blame"),
        ("Danilo Šegan", "2008-03-17T09:35:05", "Hi Simos,\n\nI am not handling Ubuntu packaging stuff—it'd"),
    ],
    "mbox_mbox_iso8859_encoding.mbox": [("Lucía Charlie", "2016-11-07T18:44:27", "Hello,\n\nIn response to")],
    "mbox_mbox_multipart.mbox": [
        ("yves (yingmin) yang", "2009-11-12T02:29:24", "technology.esl Committers,"),
        ("Nehren, Daniel", "2003-01-29T23:02:30", "I am fairly new to eclipse."),
    ],
    "mbox_mbox_no_fields.mbox": [
        ("Göran Lastname", "2010-12-01T13:26:40", "Hi!\n\nA message in English"),
        ("Göran Lastname", "2010-12-01T13:26:40", "Hi!\n\nA message in English"),
        (None, "2016-09-21T19:42:07", "Hi!\n\nThis message contains an invalid date header"),
    ],
    "mbox_mbox_unknown_encoding.mbox": [("Ô¬´Ï", "2002-08-23T17:24:49", "Hi,\n   In my application")],
    "pipermail_pipermail_2015_november.mbox": [
        ("Andy Grunwald", "2015-11-14T20:29:28", "Hey,\n\nyou might have heard of Docker [1]."),
        ("Jesus M. Gonzalez-Barahona", "2015-11-15T22:43:49", "This is cool, Andy.\n\nWhich rights do you need?"),
        ("Andy Grunwald", "2015-11-21T12:05:51", "If you are fine with it"),
        ("Andy Grunwald", "2015-11-28T20:25:30", "I thought: Just do it.\nAnd here is the result:\nhttps://github.com"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_file_of_a_list_is_read_whole_and_without_quotes(recordings, name):
    [page] = pages(recordings / "mail" / name)
    found = [(post.account.name, post.published_at.isoformat()[:19], post.text) for post in page.posts]
    assert [(author, at) for author, at, _ in found] == [(author, at) for author, at, _ in RECORDED[name]]
    for (_, _, text), (_, _, begins) in zip(found, RECORDED[name], strict=True):
        assert text.startswith(begins)
        assert "\n>" not in text
    assert {post.visibility for post in page.posts} == {"public"}
    assert page.rejects == ()


def test_a_recorded_article_is_read(recordings):
    wiki = one((recordings / "mail" / "nntp_nntp_1.txt").read_bytes())
    assert (wiki.account.name, wiki.title) == ("Fernando Jiménez Moreno", "Github wiki vs Mozilla wiki")
    assert wiki.links == ("https://wiki.mozilla.org/Project_Link",)
    arabic = one((recordings / "mail" / "nntp_nntp_parsing_error.txt").read_bytes())
    assert arabic.title == "Re: بعد المغرب السودان"
    assert arabic.text.startswith("السلام عليكم")
    assert pages(recordings / "mail" / "pipermail_pipermail_index.html") == []


def test_an_own_mailbox_is_private_and_a_list_is_public(tmp_path):
    box = b"From x@example.org Fri May  4 18:30:00 2007\n" + mail(1, Received="from a by b").replace(b"\r\n", b"\n")
    box += b"\nFrom x@example.org Fri May  4 18:31:00 2007\n" + mail(2, "Hi\n>From here on", List_Post="<mailto:a@b>")
    (tmp_path / "box.mbox.gz").write_bytes(gzip.compress(box))
    [(feed, page)] = connector.archive(Mail(Settings(), None), tmp_path / "box.mbox.gz")
    assert (feed.query, feed.platform) == ("mbox:box", "mail")
    assert [(post.visibility, post.text) for post in page.posts] == [
        ("private", "Text 1"),
        ("public", "Hi\nFrom here on"),
    ]
    with pytest.raises(ConnectorError, match="listener import FILE"):
        poll(Mail(Settings(), None), feed, None)


def test_a_single_message_and_a_long_file_are_read(tmp_path):
    (tmp_path / "one.eml").write_bytes(mail(5))
    assert [ids(page) for page in pages(tmp_path / "one.eml")] == [["m5@example.org"]]
    with (tmp_path / "long.mbox").open("wb") as file:
        for number in range(450):
            file.write(b"From a@b.example Fri May  4 18:30:00 2007\n" + mail(number) + b"\n")
    assert [len(page.posts) for page in pages(tmp_path / "long.mbox")] == [200, 200, 50]


def test_files_of_other_kinds_and_damaged_ones(tmp_path):
    for name, body in {
        "a.csv": b"From,To\nx,y\n",
        "b.mbox": b"From here on 10:00\nwe talk\n",
        "c.txt": b"",
        "d.zip": b"PK\3\4",
    }.items():
        (tmp_path / name).write_bytes(body)
        assert pages(tmp_path / name) == []
    torn = gzip.compress(b"From a@b.example Fri May  4 18:30:00 2007\nSubject: x\n\n" + bytes(range(256)) * 4_000)
    (tmp_path / "torn.mbox.gz").write_bytes(torn[:-300])
    with pytest.raises(BadPayload, match="damaged"):
        pages(tmp_path / "torn.mbox.gz")
    bomb = gzip.compress(b"From a@b.example Fri May  4 18:30:00 2007\nSubject: x\n\n" + b"0" * 40_000_000)
    (tmp_path / "bomb.mbox.gz").write_bytes(bomb)
    with pytest.raises(BadPayload, match="more than"):
        pages(tmp_path / "bomb.mbox.gz")


@pytest.mark.parametrize(
    ("pasted", "query"),
    [
        ("mail:Newsletters", "imap:Newsletters"),
        ("mail: [Gmail]/All Mail", "imap:[Gmail]/All Mail"),
        ("mail:", "imap:Lists"),
        ("imap:", "imap:Lists"),
        ("IMAP:INBOX", "imap:INBOX"),
        ("inbox", "imap:Lists"),
        ("imaps://imap.example.org/Entw%C3%BCrfe", "imap:Entwürfe"),
        ("imap://imap.example.org", "imap:INBOX"),
        ("imap://other.example.org/INBOX", None),
        ("nntp://News.example.org/comp.lang.c", "nntp://news.example.org/comp.lang.c"),
        ("nntps://news.example.org/comp.lang.c/12", "nntp://news.example.org/comp.lang.c"),
        ("news:comp.lang.c++", "nntp://news.example.org/comp.lang.c++"),
        ("nntp://other.example.org/comp.lang.c", None),
        ("nntp://news.example.org/a b", None),
        ("nntp://news.example.org/", None),
        ("mail:a\r\nb", None),
        ("news:", None),
        ("news: of the day", None),
        ("https://example.org/", None),
        ("mailto:ada@example.org", None),
        ("imap://[broken", None),
        ("", None),
    ],
)
def test_what_people_paste(pasted, query):
    told = Settings(host="imap.example.org", user=USER, folder="Lists", news_host="news.example.org")
    found = Mail(told, None).feed_for(pasted)
    assert (found.query if found else None) == query
    if found:
        assert found.platform == ("nntp" if query.startswith("nntp") else "mail")


def test_my_own_mailbox_is_mine():
    reader = Mail(Settings(user=USER), None)
    assert [feed.query for feed in reader.mine(" Ada@example.org")] == ["imap:INBOX"]
    assert reader.mine("bo@example.org") == ()
    assert Mail(Settings(), None).mine("x") == ()


@given(st.text(max_size=60))
def test_pasting_anything_never_raises(text):
    told = Settings(host="imap.example.org", user=USER, news_host="news.example.org")
    found = Mail(told, None).feed_for(text)
    assert found is None or found.connector == "mail"
