"""`listener channels`: kept, listed, tried, logged, rotated and removed; nothing secret is ever shown (S21)."""

import json
import stat
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from listener.addressbook import OVERLAP, AddressBook, Entry
from listener.errors import StoreError
from listener.webhooks import SignatureError, verify
from tests.commands import Home
from tests.servers import Reply, Seen, Server, serving

SENTINEL = "S3ntinelTokenAAAABBBBCCCC"
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda _: Reply(200, b"{}")) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, server: Server) -> Home:
    return Home(tmp_path, f'[network]\nallow_private = ["{server.host_port}"]\n')


def secret_in(out: str) -> str:
    return out.splitlines()[-1]


def test_what_is_built_in_is_listed_from_the_start(home: Home) -> None:
    assert [(row["name"], row["way"], row["last"]) for row in home.ok("channels", "list", "--json").rows()] == [
        ("terminal", "terminal", None)
    ]
    assert "nothing yet" in home.ok("channels").out


def test_a_webhook_is_kept_tried_logged_and_removed(home: Home, server: Server) -> None:
    added = home.ok("channels", "add", "desk", f"{server.url}/hook?key={SENTINEL}", "--test")
    secret = added.out.splitlines()[3]
    assert added.out.splitlines()[-1].startswith("desk: sent")
    [seen] = server.seen
    key = verify(seen.headers, seen.body, [secret], datetime.now(UTC))
    assert key.startswith("test-")
    assert json.loads(seen.body)["items"][0]["headline"] == "A test of this channel"
    [row] = [row for row in home.ok("channels", "list", "--json").rows() if row["name"] == "desk"]
    assert (row["way"], row["origin"], row["last"]["outcome"]) == ("webhook", "added", "sent")
    assert row["address"] == f"http://{server.host_port}/***"
    [logged] = home.ok("channels", "log", "desk", "--json").rows()
    assert (logged["message"], logged["outcome"], logged["alerts"]) == (key, "sent", 0)
    home.ok("channels", "remove", "desk")
    assert "no channel is called 'desk'" in home.run("channels", "test", "desk").err


def test_the_only_channel_gets_leads_and_questions_and_of_several_the_one_that_is_named(
    home: Home, server: Server
) -> None:
    def goes_to() -> list[list[str]]:
        return [row["channels"] for row in home.ok("rules", "list", "--json").rows()]

    assert "[[goals]]" in home.ok("channels", "add", "desk", f"{server.url}/hook").out
    assert goes_to() == [[], []], "without goals every lead and every question would be an alert"
    home.ok("channels", "remove", "desk")
    home.config.write_text(home.config.read_text() + '[[goals]]\nname = "bees"\nsentence = "Sell bees"\n')
    assert goes_to() == [[], []]
    assert "your only channel" in home.ok("channels", "add", "desk", f"{server.url}/hook").out
    assert goes_to() == [["desk"], ["desk"]]
    assert '[alerts] channel = "NAME"' in home.ok("channels", "add", "other", f"{server.url}/hook").out
    assert goes_to() == [[], []]
    home.config.write_text(home.config.read_text() + '[alerts]\nchannel = "other"\n')
    assert goes_to() == [["other"], ["other"]]


def test_the_file_of_channels_is_for_its_owner_only_and_shows_nowhere(home: Home, server: Server) -> None:
    secret = secret_in(home.ok("channels", "add", "desk", f"{server.url}/{SENTINEL}").out)
    home.ok("channels", "add", "push", f"ntfy://user:{SENTINEL}@{server.host_port}/{SENTINEL}x")
    file = home.folder / "posts.db.channels"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    home.ok("backup", str(home.folder / "copy.db"))
    server.answer = lambda _: Reply(401, f'{{"error": "no {SENTINEL} {secret}"}}'.encode())
    said = ""
    for command in (
        ["list"], ["list", "--json"], ["test", "desk"], ["test", "push"], ["log"], ["log", "--json"],
        ["add", "bad", f"slack://{SENTINEL}"], ["add", "worse", f"ntfy://{SENTINEL}/x?format=html"],
        ["add", "worst", f"unknown://{SENTINEL}"], ["resend", "push"],
    ):  # fmt: skip
        ran = home.run("--verbose", "channels", *command)
        said += ran.out + ran.err
    assert "401" in said
    assert SENTINEL not in said
    assert secret not in said
    for kept in home.folder.glob("*"):
        if kept.is_file() and kept != file:
            assert SENTINEL.encode() not in kept.read_bytes(), kept
            assert secret.encode() not in kept.read_bytes(), kept


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("slack://nope", "Slack is written slack://T1JJ3T3L2/"),
        ("mmost://chat.example.org", "Mattermost is written mmosts://chat.example.org/HOOK_ID"),
        ("mmost://h/?template=/etc/passwd", "template="),
        ("exec:///bin/true", "start programs"),
        ("toot://token@social.example", "says nothing in public"),
        ("mail", "needs [mail]"),
        ("nonsense", "signed webhooks"),
        ("http://192.168.7.7/hook", "allow_private"),
        ("https://user:pw@hooks.example.org/", "user name or password"),
        ("https://hooks.example.org:99999/", "port 99999"),
    ],
)
def test_a_wrong_address_is_not_kept_and_says_what_is_expected(home: Home, url: str, says: str) -> None:
    ran = home.run("channels", "add", "new", url)
    assert ran.code == 2
    assert says in ran.err
    assert not (home.folder / "posts.db.channels").exists()


@pytest.mark.parametrize("name", ["terminal", "mail", "Upper", "a b", "", "x" * 41, "../up", "-x"])
def test_a_channel_has_a_plain_name_that_is_not_taken(home: Home, server: Server, name: str) -> None:
    assert home.run("channels", "add", "--", name, server.url).code == 2


def test_an_address_from_standard_input_stands_in_no_history(home: Home, server: Server) -> None:
    home.ok("channels", "add", "push", "-", stdin=f"ntfy://{server.host_port}/{SENTINEL}\n")
    assert home.ok("channels", "test", "push").out.startswith("push: sent (ntfy took it)")
    assert json.loads(server.seen[0].body)["topic"] == SENTINEL


def test_a_test_that_does_not_arrive_ends_with_a_reason_and_code_1(home: Home, server: Server) -> None:
    home.ok("channels", "add", "push", f"ntfy://{server.host_port}/topic")
    server.answer = lambda _: Reply(403)
    ran = home.run("channels", "test", "push")
    assert ran.code == 1
    assert ran.err.startswith("push: refused (ntfy answered 403")
    ran = home.run("channels", "test", "terminal")
    assert ran.code == 1
    assert "no terminal here" in ran.err


def test_a_rotated_webhook_satisfies_receivers_that_know_either_secret(home: Home, server: Server) -> None:
    first = secret_in(home.ok("channels", "add", "desk", server.url).out)
    second = secret_in(home.ok("channels", "rotate", "desk").out)
    assert first != second
    home.ok("channels", "test", "desk")
    [seen] = server.seen
    for secret in (first, second):
        assert verify(seen.headers, seen.body, [secret], datetime.now(UTC))
    with pytest.raises(SignatureError):
        verify(seen.headers, seen.body, ["another"], datetime.now(UTC))
    home.ok("channels", "add", "push", f"ntfy://{server.host_port}/topic")
    assert "is no webhook" in home.run("channels", "rotate", "push").err


def test_an_old_secret_signs_for_a_week() -> None:
    entry = Entry("desk", "https://a.example/", "first").rotated(NOW)
    assert entry.signing(NOW + OVERLAP) == (entry.secret, "first")
    assert entry.signing(NOW + OVERLAP + timedelta(seconds=1)) == (entry.secret,)


def test_channels_of_the_configuration_are_used_and_changed_there(home: Home, server: Server) -> None:
    (home.folder / "address").write_text(f"{server.url}/{SENTINEL}")
    home.environ["SIGNING"] = "a secret of the configuration"
    home.write(
        f'[network]\nallow_private = ["{server.host_port}"]\n'
        '[[channels]]\nname = "desk"\nurl = "file:address"\nsecret = "env:SIGNING"\n'
        '[[channels]]\nname = "lost"\nurl = "env:NOT_SET"\n'
    )
    home.ok("channels", "test", "desk")
    assert verify(server.seen[0].headers, server.seen[0].body, ["a secret of the configuration"], datetime.now(UTC))
    rows = {row["name"]: row for row in home.ok("channels", "--json").rows()}
    assert rows["desk"]["origin"] == rows["lost"]["origin"] == "configuration"
    assert "NOT_SET is not set" in rows["lost"]["fault"]
    assert "NOT_SET is not set" in home.run("channels", "test", "lost").err
    for command in (["remove", "desk"], ["rotate", "desk"], ["add", "desk", server.url]):
        assert "change it there" in home.run("channels", *command).err


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ('[[channels]]\nname = "a"\nurl = "https://hooks.example.org/token"\n', "secrets are not written here"),
        ('[[channels]]\nname = "mail"\nurl = "mail"\n', "is built in"),
        ('[[channels]]\nname = "a"\nurl = "mail"\n[[channels]]\nname = "a"\nurl = "mail"\n', "needs its own"),
    ],
)
def test_a_wrong_channel_of_the_configuration_is_named(home: Home, config: str, says: str) -> None:
    home.write(config)
    ran = home.run("channels", "list")
    assert says in ran.out + ran.err


def test_a_damaged_file_of_channels_is_named(home: Home) -> None:
    for text in ("{", "[]", '{"a": 1}', '{"a": {}}', '{"a": {"url": "x", "rotated_at": "never"}}'):
        (home.folder / "posts.db.channels").write_text(text)
        ran = home.run("channels", "list")
        assert ran.code == 1
        assert "posts.db.channels: the channels cannot be read" in ran.err


def test_two_programs_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    file = tmp_path / "channels"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: AddressBook(file).put(Entry(f"c{n}", "https://a.example/")), range(40)))
    assert len(AddressBook(file).entries()) == 40
    file.chmod(0o000)
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreError):
        AddressBook(file).put(Entry("a", "mail"))


def test_the_page_of_channels_shows_every_service() -> None:
    root = Path(__file__).parents[1]
    table = tomllib.loads((root / "connectors" / "channels.toml").read_text())
    page = (root / "docs" / "channels.md").read_text()
    for row in table["services"]:
        assert f"| {row['name']} | `{row['example']}` |" in page
    for row in table["refused"]:
        assert row["because"] in page


def test_a_receiver_written_from_the_page_checks_a_real_delivery(home: Home, server: Server) -> None:
    """The receiver of the documentation is run as it stands there."""
    page = (Path(__file__).parents[1] / "docs" / "channels.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    exec(code, names)  # our own page
    secret = secret_in(home.ok("channels", "add", "desk", server.url).out)
    home.ok("channels", "test", "desk")
    seen: Seen = server.seen[0]
    check = names["is_genuine"]
    assert callable(check)
    assert check(seen.headers, seen.body, secret) is True
    assert check(seen.headers, seen.body + b" ", secret) is False
    assert check(seen.headers, seen.body, "another") is False


def test_the_doctor_names_a_channel_that_cannot_be_used(home: Home) -> None:
    home.write('[[channels]]\nname = "lost"\nurl = "env:NOT_SET"\n')
    ran = home.run("doctor")
    assert "channels[1].url: the environment variable NOT_SET is not set" in ran.out + ran.err


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_mail_is_a_channel_once_it_is_configured(home: Home) -> None:
    from tests.servers_smtp import PASSWORD, USER, smtp

    home.environ["MAIL_PASSWORD"] = PASSWORD
    with smtp(login=True) as sink:
        home.write(
            f'[network]\nallow_private = ["127.0.0.1:{sink.port}"]\n[mail]\nhost = "127.0.0.1"\nport = {sink.port}\n'
            f'security = "none"\nuser = "{USER}"\npassword = "env:MAIL_PASSWORD"\n'
            'to = ["ann@example.org", "bob@example.org"]\n'
        )
        assert home.ok("channels", "test", "mail").out.startswith("mail: sent")
        home.ok("channels", "add", "bob", "mailto:bob@example.org", "--test")
        refused = home.run("channels", "add", "eve", "mailto:eve@example.org")
        home.environ["MAIL_PASSWORD"] = "wrong-S3ntinel"
        wrong = home.run("channels", "test", "mail")
    assert sink.recipients == [["ann@example.org", "bob@example.org"], ["bob@example.org"]]
    assert sink.messages[0]["Subject"] == "listener: a test"
    assert refused.code == 2
    assert "mail.to" in refused.err
    assert wrong.code == 1
    assert "refused the user name or the password" in wrong.err
    assert "S3ntinel" not in wrong.err


def test_a_channel_that_is_not_there_is_named_with_the_rules_that_go_to_it(home: Home, server: Server) -> None:
    home.ok("channels", "add", "desk", f"{server.url}/hook")
    home.ok("rules", "add", "bees", "bees", "--channel", "desk", "--yes")
    assert home.ok("rules").err == ""
    assert "Rules that go there still: bees;" in home.ok("channels", "remove", "desk").out
    assert "rule bees: no channel is called 'desk'" in home.ok("rules").err
    told = [found["message"] for found in home.run("doctor", "--json").rows() if found["subject"] == "settings"]
    assert "rule bees: no channel is called 'desk'" in told


def test_a_channel_is_not_made_again_by_mistake_and_may_get_another_address(home: Home, server: Server) -> None:
    home.ok("channels", "add", "desk", f"{server.url}/hook")
    again = home.run("channels", "add", "desk", f"{server.url}/hook")
    assert (again.code, "has this address already" in again.err, again.out) == (2, True, "")
    assert "Channel desk has another address now." in home.ok("channels", "add", "desk", f"{server.url}/other").out


def test_what_changes_something_tells_it_as_json_too(home: Home, server: Server) -> None:
    (kept, tried) = home.ok("channels", "add", "desk", f"{server.url}/hook", "--test", "--json").rows()
    assert (kept["channel"], len(kept["secret"]) > 30, tried["outcome"]) == ("desk", True, "sent")
    for arguments, told in {
        ("channels", "test", "desk"): {"channel": "desk", "outcome": "sent", "detail": "127.0.0.1 answered 200"},
        ("mute", "add", "word:bees"): {"kind": "word", "value": "bees", "muted": True, "changed": True},
        ("mute", "remove", "word:bees"): {"kind": "word", "value": "bees", "muted": False, "changed": True},
        ("rules", "pause", "leads"): {"rule": "leads", "state": "paused"},
        ("rules", "resume", "leads"): {"rule": "leads", "state": "at work"},
        ("rules", "remove", "leads"): {"rule": "leads", "state": "removed"},
        ("channels", "remove", "desk"): {"channel": "desk", "rules": []},
    }.items():
        assert home.ok(*arguments, "--json").rows() == [told], arguments
