"""The real command in a process of its own, as a user runs it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LISTENER = str(Path(sys.executable).with_name("listener"))


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    def rows(self) -> list[dict[str, Any]]:
        """Read one JSON object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Home:
    """A user's folder with a configuration; `run` runs one command in it."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.store = folder / "posts.db"
        self.write(config)
        self.environ = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "COLUMNS": "120",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **{key: value for key, value in os.environ.items() if key.startswith("COVERAGE")},
        }

    def write(self, config: str) -> None:
        """Write the configuration; the store lies beside it."""
        self.config.write_text(f'[store]\nurl = "posts.db"\n{config}', encoding="utf-8")

    def run(self, *arguments: str, stdin: str = "", timeout_s: float = 90) -> Ran:
        """Run one command to its end."""
        done = subprocess.run(
            [LISTENER, *arguments],
            cwd=self.folder,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, stdin: str = "") -> Ran:
        """Run one command that must succeed."""
        ran = self.run(*arguments, stdin=stdin)
        assert ran.code == 0, f"{arguments}: {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command that stays."""
        return subprocess.Popen(
            [LISTENER, *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
