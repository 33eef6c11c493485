"""The configuration: what is found, what it says, and how it says what is wrong."""

import ast
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import time
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator

from listener.config import Config, alerting, check_connectors, connector_settings, keys, load, sections
from listener.connector import connectors
from listener.errors import ConfigError
from listener.types import Goal

PROJECT = Path(__file__).parents[1]

Read = Callable[..., Config]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str, environ: Mapping[str, str] | None = None, **options: Any) -> Config:
        file = tmp_path / "mine.toml"
        file.write_text(text)
        return load(file, environ or {}, tmp_path, tmp_path / "user", data_folder=tmp_path / "data", **options)

    return read


def problem(read: Read, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert "mine.toml" in str(caught.value)
    return str(caught.value)


class Keyed(BaseModel):
    """Settings as a connector with a key has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    base_url: str | None = None
    key: SecretStr | None = None
    sites: tuple[str, ...] = ()
    mode: Literal["fast", "kind"] = "kind"

    @field_validator("key")
    @classmethod
    def _long(cls, key: SecretStr | None) -> SecretStr | None:
        if key and len(key.get_secret_value()) < 4:
            raise ValueError(f"{key.get_secret_value()} is too short")
        return key


# finding it


def test_without_a_file_everything_is_default(tmp_path: Path) -> None:
    config = load(None, {}, tmp_path, tmp_path / "user", data_folder=tmp_path / "data")
    assert config.path is None
    assert config.store.path == tmp_path / "data" / "listener.db"
    assert (config.briefing.at, config.briefing.minutes) == (time(7, 30), 10)
    assert config.network.rules().ports == (80, 443, 8080, 8443)
    assert (config.feeds, config.goals) == ((), ())


def test_the_data_folder_is_the_platforms_own_unless_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    path = load(None, {}, tmp_path, tmp_path).store.path
    assert path is not None
    assert path.name == "listener.db"
    assert path.parent.name == "listener"


def test_the_nearest_file_wins(tmp_path: Path) -> None:
    user, cwd = tmp_path / "user", tmp_path / "cwd"
    for number, file in enumerate(
        (user / "config.toml", cwd / "config.toml", tmp_path / "b.toml", tmp_path / "a.toml")
    ):
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"[briefing]\nminutes = {number + 1}")

    def minutes(path: Path | None, environ: Mapping[str, str]) -> float:
        return load(path, environ, cwd, user).briefing.minutes

    variable = {"LISTENER_CONFIG": str(tmp_path / "b.toml")}
    assert minutes(tmp_path / "a.toml", variable) == 4
    assert minutes(None, variable) == 3
    assert minutes(None, {"LISTENER_CONFIG": ""}) == 2
    (cwd / "config.toml").unlink()
    assert minutes(None, {}) == 1
    (user / "config.toml").unlink()
    assert minutes(None, {}) == 10


def test_a_file_asked_for_and_missing_is_an_error_that_says_who_asked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.toml.*--config"):
        load(Path("gone.toml"), {}, tmp_path, tmp_path)
    with pytest.raises(ConfigError, match=r"gone\.toml.*LISTENER_CONFIG"):
        load(None, {"LISTENER_CONFIG": "gone.toml"}, tmp_path, tmp_path)


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {}, tmp_path, tmp_path)


# the store's place


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("posts.db", "posts.db"),
        ("sqlite:///posts.db", "posts.db"),
        ("deep/../posts.db", "posts.db"),
        ("sub folder/pösts.db", "sub folder/pösts.db"),
    ],
)
def test_a_relative_store_lies_beside_its_file(read: Read, tmp_path: Path, written: str, meant: str) -> None:
    assert read(f'[store]\nurl = "{written}"').store.path == tmp_path / meant


def test_an_absolute_store_stays_where_it_is(read: Read, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "a.db"
    for written in (str(elsewhere), f"sqlite:///{elsewhere}"):
        config = read(f'[store]\nurl = "{written}"')
        assert config.store.path == elsewhere
        assert config.store.url is not None
        assert config.store.url.get_secret_value() == f"sqlite:///{elsewhere}"


def test_a_store_in_the_home_folder_is_found(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read('[store]\nurl = "~/a.db"').store.path == tmp_path / "home" / "a.db"


def test_the_store_of_the_command_line_outranks_the_file(read: Read, tmp_path: Path) -> None:
    assert read('[store]\nurl = "a.db"', store="b.db").store.path == tmp_path / "b.db"
    with pytest.raises(ConfigError, match="--store"):
        read("", store="")


def test_a_database_server_is_no_file_and_its_password_is_never_shown(read: Read) -> None:
    config = read('[store]\nurl = "env:DATABASE"', {"DATABASE": "postgresql://me:sentinel@db.example/posts"})
    assert config.store.path is None
    assert config.store.url is not None
    assert config.store.url.get_secret_value() == "postgresql://me:sentinel@db.example/posts"
    assert "sentinel" not in f"{config!r} {config.model_dump()!r} {config.model_dump_json()}"


@pytest.mark.parametrize("url", ["", "mysql://x/y", "sqlite://", "sqlite:///", "a\\nb", "a\\u0000b"])
def test_any_other_store_is_an_error(read: Read, url: str) -> None:
    assert "store.url: must be" in problem(read, f'[store]\nurl = "{url}"')


# what it says


def test_every_kind_of_setting_is_read(read: Read) -> None:
    config = read(
        """
        [store]
        raw_days = 0
        post_days = 30.5
        [network]
        allow_private = ["127.0.0.1:8000", "127.0.0.0/8:8000"]
        ports = [443]
        contact = "https://example.org/me"
        [briefing]
        at = 06:15:00
        minutes = 5
        timezone = "Asia/Kathmandu"
        [labels]
        lead = 0.8
        [[feeds]]
        url = "https://example.org/feed"
        title = "Beispiel 🥐"
        folder = "A/B"
        interval_s = 900
        paused = true
        [[feeds]]
        connector = "somewhere"
        query = "tag:x"
        [[goals]]
        name = "Bread"
        sentence = "Sell bread"
        words = ["bread", "rolls"]
        """
    )
    assert (config.store.raw_days, config.store.post_days) == (0, 30.5)
    assert config.network.rules().allow_private == ("127.0.0.1:8000", "127.0.0.0/8:8000")
    assert (config.briefing.at, config.briefing.zone()) == (time(6, 15), ZoneInfo("Asia/Kathmandu"))
    assert (config.labels.lead, config.labels.question) == (0.8, None)
    assert [(feed.url, feed.connector, feed.paused) for feed in config.feeds] == [
        ("https://example.org/feed", None, True),
        (None, "somewhere", False),
    ]
    assert config.goals[0].goal() == Goal("Bread", "Sell bread", words=("bread", "rolls"))


def test_the_configuration_cannot_be_changed(read: Read) -> None:
    with pytest.raises(ValidationError):
        read("").briefing.minutes = 3  # type: ignore[misc] # the attempt is the test


def test_without_a_zone_the_systems_is_taken(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert read("").briefing.zone().key == "Pacific/Auckland"
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    monkeypatch.setenv("TZ", "Nowhere/Atall")
    with pytest.raises(ConfigError, match=r"briefing\.timezone"):
        read("").briefing.zone()


def test_a_byte_order_mark_and_windows_lines_are_forgiven(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xef\xbb\xbf[briefing]\r\nminutes = 3\r\n")
    assert load(file, {}, tmp_path, tmp_path).briefing.minutes == 3


# what is wrong


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[briefing]\nminuets = 3", "briefing.minuets: unknown key; did you mean 'minutes'?"),
        ("minutes = 3", "minutes: unknown key; did you mean 'minutes' in [briefing]?"),
        ("interval_s = 3", "interval_s: unknown key; did you mean 'interval_s' in [[feeds]]?"),
        ("[breifing]\nminutes = 3", "breifing: unknown key; did you mean 'briefing'?"),
        ("[labels]\nqqq = 0.5", "labels.qqq: unknown key; there are: lead, question, news"),
        ('[[feeds]]\nurl = "x"\ninterval = 9', "feeds[1].interval: unknown key; did you mean 'interval_s'?"),
        ('[[feeds]]\nurl = "x"\n[[feeds]]\nurl = ""', "feeds[2].url: must not be empty"),
        ('[[feeds]]\nurl = "a\\nb"', "feeds[1].url: must be one line"),
        ('[[feeds]]\nurl = "x"\ninterval_s = 1', "feeds[1].interval_s: must be at least 60"),
        ('[[feeds]]\nurl = "x"\ninterval_s = 1e9', "feeds[1].interval_s: must be at most 86400"),
        ('[[feeds]]\nurl = "x"\npaused = "yes"', "feeds[1].paused: must be true or false"),
        ('[[feeds]]\ntitle = "x"', "feeds[1]: needs either `url`, or `connector` and `query`"),
        ('[[feeds]]\nurl = "x"\nquery = "y"', "feeds[1]: needs either"),
        ('[[feeds]]\nurl = "x"\n[[feeds]]\nurl = "x"', "feeds[2]: the same feed as feeds[1]"),
        ('[feeds]\nurl = "x"', "feeds: must be written as [[feeds]]"),
        ('feeds = ["x"]', "feeds[1]: must be a section of its own"),
        ('[[goals]]\nsentence = "x"', "goals[1].name: is missing"),
        ('[[goals]]\nname = "x"\n[[goals]]\nname = "x"', "goals[2].name: goals[1] has this name"),
        ('[[goals]]\nname = "x"\nwords = "bread"', "goals[1].words: must be a list"),
        ('[[goals]]\nname = "x"\nwords = ["bread", 3]', "goals[1].words[2]: must be text in quotes"),
        ("[briefing]\nminutes = 0", "briefing.minutes: must be at least 1"),
        ("[briefing]\nminutes = nan", "briefing.minutes: must be"),
        ("[briefing]\nminutes = true", "briefing.minutes: must be a number"),
        ('[briefing]\nminutes = "3"', "briefing.minutes: must be a number"),
        ('[briefing]\nat = "7:30"', 'briefing.at: must be a time of day such as "07:30"'),
        ('[briefing]\nat = "24:00"', "briefing.at: must be a time of day"),
        ("[briefing]\nat = 730", "briefing.at: must be a time of day"),
        ('[briefing]\ntimezone = "Mars/Base"', "briefing.timezone: must be a time zone's name"),
        ('[briefing]\ntimezone = "../../etc/hosts"', "briefing.timezone: must be a time zone's name"),
        ('[briefing]\ntimezone = ""', "briefing.timezone: must be a time zone's name"),
        ("[labels]\nlead = 1", "labels.lead: must be less than 1"),
        ("[labels]\nlead = 0", "labels.lead: must be more than 0"),
        ("[network]\nports = [0]", "network.ports[1]: must be at least 1"),
        ("[network]\nports = [4.5]", "network.ports[1]: must be a whole number"),
        ('[network]\nallow_private = ["http://nas/"]', "network.allow_private: 'http://nas/' is no host"),
        ('[network]\ncontact = "me"', "network.contact: must be an address"),
        ('[network]\ncontact = "https://a.example/\\r\\nX: y"', "network.contact: must be one line"),
        ('[mail]\nhost = "smtp.example"', "mail: needs both `host` and `to`"),
        ('[mail]\nto = ["a@b.example"]', "mail: needs both `host` and `to`"),
        ('[mail]\nuser = "me"', "mail: needs both `user` and `password`"),
        ('[mail]\nhost = "smtp://x"', "mail.host: must be a server's name"),
        ('[mail]\nto = ["nobody"]', "mail.to[1]: must be a mail address"),
        ('[mail]\nsender = "a@b.example\\r\\nBcc: c@d.example"', "mail.sender: must be one line"),
        ('[mail]\nsecurity = "ssl"', "mail.security: must be 'starttls', 'tls' or 'none'"),
        ('[briefing]\ndays = ["monday"]', "briefing.days[1]: must be one of mon, tue"),
        ("store = 3", "store: must be a section of its own"),
        ("[connectors]\nrss = 3", "connectors.rss: must be a section of its own"),
    ],
)
def test_an_error_names_the_key_and_what_is_right(read: Read, text: str, said: str) -> None:
    assert said in problem(read, text)


def test_all_problems_are_said_at_once(read: Read) -> None:
    said = problem(read, "[briefing]\nminutes = 0\nat = 3\n[labels]\nlaed = 0.5")
    assert len(said.splitlines()) == 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[briefing]\nminutes 3", "line 2: this is not TOML"),
        (b"a = 1\nb = [1,\n", "line 3: this is not TOML"),
        (b"a = 1\na = 2", "line 2: this is not TOML"),
        (b"a = 1\nb = 'K\xe4se'", "line 2: this is not UTF-8"),
        (b"a = " + b"[" * 5000, "nested too deep"),
        (b"a = " + b"9" * 5000, "too long"),
    ],
)
def test_what_is_no_toml_is_an_error_that_names_the_line(tmp_path: Path, data: bytes, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=said):
        load(None, {}, tmp_path, tmp_path / "user")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "name", "x", "at"]), inner),
    max_leaves=6,
)
names = st.sampled_from([*Config.model_fields, *(key for _, key in keys()), "other"])


@given(st.dictionaries(names, values | st.dictionaries(names, values, max_size=3), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_is_a_configuration_or_an_error_of_ours(tmp_path: Path, table: dict[str, Any]) -> None:
    from listener.config import _validated

    with suppress(ConfigError):
        assert isinstance(_validated(Config, table, "mine.toml"), Config)


@given(
    st.text(max_size=60)
    | st.sampled_from(["[store]\n", "[[feeds]]\n", "at = 1\n", '"', "{", "=", "\n"]).flatmap(st.just)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_configuration_or_an_error_of_ours(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(text.encode("utf-8", "replace"))
    with suppress(ConfigError):
        load(file, {}, tmp_path, tmp_path)


# connectors


def test_a_connector_reads_its_own_section(read: Read, tmp_path: Path) -> None:
    secret = tmp_path / "key.txt"
    secret.write_text("from-a-file\n")
    secret.chmod(0o600)
    text = '[connectors.one]\nkey = "env:KEY"\nsites = ["a"]\n[connectors.two]\nkey = "file:key.txt"'
    config = read(text, {"KEY": "from-the-environment"})
    one, two = connector_settings(config, "one", Keyed), connector_settings(config, "two", Keyed)
    assert one.key is not None
    assert two.key is not None
    assert (one.key.get_secret_value(), one.sites) == ("from-the-environment", ("a",))
    assert two.key.get_secret_value() == "from-a-file"
    assert connector_settings(config, "three", Keyed) == Keyed()


def test_only_secrets_are_fetched(read: Read) -> None:
    config = read('[connectors.one]\nbase_url = "env:HOME"', {"HOME": "/home/me"})
    assert connector_settings(config, "one", Keyed).base_url == "env:HOME"


def test_a_secret_that_is_not_needed_is_not_asked_for(read: Read) -> None:
    config = read('[connectors.one]\nkey = "env:MISSING"')
    with pytest.raises(ConfigError, match=r"mine\.toml: connectors\.one\.key.*MISSING"):
        connector_settings(config, "one", Keyed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kee = 1", "connectors.one.kee: unknown key; did you mean 'key'?"),
        ("key = 3", "connectors.one.key: must be text in quotes"),
        ("sites = [3]", "connectors.one.sites[1]: must be text in quotes"),
        ('mode = "rude"', "connectors.one.mode: must be 'fast' or 'kind'"),
        ('key = "env:SHORT"', "connectors.one.key: the secret is not of the right form"),
    ],
)
def test_a_connectors_error_names_its_key_and_no_secret(read: Read, text: str, said: str) -> None:
    config = read(f"[connectors.one]\n{text}", {"SHORT": "zyx"})
    with pytest.raises(ConfigError) as caught:
        connector_settings(config, "one", Keyed)
    assert said in str(caught.value)
    assert "zyx" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_no_view_of_the_configuration_shows_a_secret(read: Read) -> None:
    config = read('[connectors.one]\nkey = "sentinel-in-the-file"', {"KEY": "sentinel-in-the-environment"})
    assert "sentinel" not in repr(config)
    assert "sentinel" not in str(config)


def test_an_unknown_connector_is_named_with_the_nearest(read: Read) -> None:
    config = read('[connectors.hckrnews]\n[[feeds]]\nconnector = "zzz"\nquery = "x"')
    with pytest.raises(ConfigError) as caught:
        check_connectors(config, ["hackernews", "rss"])
    assert str(caught.value).splitlines() == [
        f"{config.path}: connectors.hckrnews: no connector is called 'hckrnews'; did you mean 'hackernews'?",
        f"{config.path}: feeds[1].connector: no connector is called 'zzz'; there are: hackernews, rss",
    ]
    check_connectors(config, ["hckrnews", "zzz"])


# what the documents say

SETTING = re.compile(r"^#?(\w+) = ", re.MULTILINE)


def example() -> str:
    return (PROJECT / "config.example.toml").read_text()


def uncommented() -> str:
    return re.sub(r"^#(?=[\w\[])", "", example(), flags=re.MULTILINE)


def sentences() -> dict[tuple[str, str], str]:
    """Find the sentence under each key, by class and key."""
    trees = [ast.parse(Path(module.__file__).read_text()) for module in (sections, alerting)]
    found = {}
    for kind in (node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, text in zip(kind.body, kind.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                assert isinstance(field.target, ast.Name)
                found[kind.name, field.target.id] = str(text.value.value)
    return found


def reference() -> list[tuple[str, str, str, str]]:
    """List (section, key, default, sentence) of every setting."""
    rows, said, kinds = [], sentences(), vars(sections) | vars(alerting)
    for section, key in keys():
        model = kinds[kind_of(section)]
        default = model.model_fields[key].get_default()
        rows.append((section, key, shown(default), said[model.__name__, key]))
    return rows


def kind_of(section: str) -> str:
    if not section.startswith("["):
        return f"{section.title()}Section"
    return "PersonEntry" if section == "[people]" else f"{section.strip('[s]').title()}Entry"


def shown(default: object) -> str:
    if isinstance(default, time):
        return f'`"{default:%H:%M}"`'
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{list(default)}`"
    if isinstance(default, dict):
        return "`{ " + ", ".join(f"{key} = {value}" for key, value in default.items()) + " }`"
    if isinstance(default, int | float):
        return f"`{default:g}`"
    return f'`"{default}"`' if isinstance(default, str) else ""


def test_the_example_is_the_default(read: Read) -> None:
    assert read(example()).model_dump() == read("").model_dump()


def test_every_line_of_the_example_may_be_switched_on(read: Read) -> None:
    config = read(uncommented())
    assert (len(config.feeds), len(config.goals)) == (2, 1)


def test_the_example_shows_every_setting_once_with_its_sentence() -> None:
    lines = example().splitlines()
    for section, key, _, sentence in reference():
        at = [number for number, line in enumerate(lines) if re.match(rf"#?{key} = ", line)]
        above = [lines[number - 1] for number in at]
        assert f"# {sentence}" in above, f"[{section}] {key}"
    own = uncommented().partition("[connectors.")[0]
    assert len(SETTING.findall(own)) == len(reference())


def test_the_example_shows_every_connector_with_its_settings(read: Read) -> None:
    config = read(uncommented(), dict.fromkeys(re.findall(r"env:(\w+)", example()), "a-secret"))
    known = connectors()
    check_connectors(config, list(known))
    assert config.connectors.keys() == known.keys()
    for name, kind in known.items():
        connector_settings(config, name, kind.settings_model)
        # Not every connector has one server to speak to.
        assert config.connectors[name].keys() | {"base_url"} == kind.settings_model.model_fields.keys()


def test_the_example_shows_each_default_as_it_is() -> None:
    table = tomllib.loads(example())
    shown_ = {(section, key): value for section, keys_ in table.items() for key, value in keys_.items()}
    plain = {(s, k): default for s, k, default, _ in reference() if default and not s.startswith("[")}
    assert shown_.keys() == plain.keys()


def test_the_reference_page_holds_every_setting_in_order() -> None:
    page = (PROJECT / "docs" / "configuration.md").read_text()
    written = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", page, re.MULTILINE)
    assert written == [(key, default, sentence) for _, key, default, sentence in reference()]
    headings = re.findall(r"^## `(\[.*\])`", page, re.MULTILINE)
    assert headings == [*dict.fromkeys(f"[{section}]" for section, *_ in reference()), "[connectors.NAME]"]


def test_what_the_page_shows_can_be_written(read: Read) -> None:
    page = (PROJECT / "docs" / "configuration.md").read_text()
    shown_ = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shown_
    for text in shown_:
        read(text)
