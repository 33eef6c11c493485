"""The page on writing connectors is true: its connector is built, installed and polled with, outside the project."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers import Reply, serving

PAGE = (Path(__file__).parents[1] / "docs" / "write-a-connector.md").read_text()
MODULE, ENTRY = (re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1] for kind in ("python", "toml"))
NOTICES = [
    {"number": n, "by": "ann", "text": f"Lost cat number {n}", "at": f"2026-11-23T08:{n:02}:00Z"} for n in range(1, 6)
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build the package as its author would, and install it beside what is there."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    (source / "listener_board.py").write_text(MODULE)
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    (source / "pyproject.toml").write_text(f"{build}\n{ENTRY}")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(target), str(source)]
    subprocess.run([*pip, *options], check=True, capture_output=True)
    return target


def listener(installed: Path, folder: Path, *arguments: str) -> str:
    environ = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", "from listener.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def board(seen):
    """Two notices a page, and one that cannot be read."""
    after = int(parse_qs(urlsplit(seen.path).query)["after"][0])
    left = [notice for notice in NOTICES if notice["number"] > after]
    page = [*left[:2], {"number": "?"}]
    return Reply(200, json.dumps({"notices": page, "more": len(left) > 2}).encode())


def test_the_connector_of_the_page_is_short():
    assert len(MODULE.splitlines()) < 60


def test_it_is_built_and_polls_from_outside_the_project(installed, tmp_path):
    with serving(board) as server:
        (tmp_path / "config.toml").write_text(
            f'[store]\nurl = "posts.db"\n[network]\nallow_private = ["{server.host_port}"]\n'
            f'[connectors.board]\nbase_url = "{server.url}"\n'
        )
        names = [
            json.loads(line)["name"] for line in listener(installed, tmp_path, "connectors", "--json").splitlines()
        ]
        assert "board" in names
        assert "Board of harbour" in listener(installed, tmp_path, "feeds", "add", "board:harbour")
        assert "5 new posts" in listener(installed, tmp_path, "poll", "--all")
        assert "0 new posts" in listener(installed, tmp_path, "poll", "--all")
    rows = [json.loads(line) for line in listener(installed, tmp_path, "posts", "--json").splitlines()]
    assert [row["native_id"] for row in rows] == [f"harbour/{n}" for n in (5, 4, 3, 2, 1)]
    assert {row["author"] for row in rows} == {"ann"}
    assert rows[0]["url"] == "https://board.example/harbour/5"


def test_it_passes_the_type_checks_of_the_project(tmp_path):
    (tmp_path / "listener_board.py").write_text(MODULE)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(tmp_path / "listener_board.py")],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout
