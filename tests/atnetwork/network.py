"""The network itself: PostgreSQL, Redis, and the servers on top of them, all new at each start, all gone at its end."""

import json
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from tests.atnetwork.install import Tools

SCRIPT: Final = Path(__file__).with_name("network.mjs")
START_S: Final = 120.0
STOP_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Network:
    """Where the servers answer."""

    pds: str
    """Accounts live here; it passes what their owners ask on to the AppView."""
    appview: str
    """Answers everybody."""
    firehose: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """Give what the guarded client must be allowed to reach."""
        return tuple(url.removeprefix("http://") for url in (self.pds, self.appview))


@contextmanager
def running(tools: Tools) -> Iterator[Network]:
    """Run the network for a while; a fresh database and no account each time."""
    with (
        tempfile.TemporaryDirectory(prefix="listener-network-", ignore_cleanup_errors=True) as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as somebody else where we are root
        servers_folder = folder / "servers"
        servers_folder.mkdir()
        environment = tools.environment | {
            "DB_POSTGRES_URL": stack.enter_context(_postgres(tools.postgres, folder / "postgres")),
            "REDIS_HOST": stack.enter_context(_redis(tools.redis, folder)),
            "LOG_ENABLED": "false",
            "TMPDIR": str(servers_folder),
        }
        # From standard input, a script's imports are looked for in the working directory.
        with SCRIPT.open("rb") as script:
            node = [tools.node, "--input-type=module"]
            servers = stack.enter_context(_started(node, folder / "network", tools.folder, environment, stdin=script))
        said = servers.until(lambda: _json(servers.out))
        pds, appview = (f"127.0.0.1:{said[name]}" for name in ("pds", "appview"))
        yield Network(f"http://{pds}", f"http://{appview}", f"ws://{pds}/xrpc")


@contextmanager
def _postgres(programs: Path, folder: Path) -> Iterator[str]:
    owner, port = _owner(), free_port()
    folder.mkdir()
    if owner:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = [f"--pgdata={folder / 'data'}", "--username=postgres", "--auth=trust", "--encoding=UTF8"]
    make: list[str | Path] = ["setpriv", *owner, programs / "initdb", *data, "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(make, check=True, cwd=folder.parent, stdout=subprocess.DEVNULL)
    quick = [f"--{name}=off" for name in ("fsync", "full_page_writes", "synchronous_commit")]
    serve = [programs / "postgres", "-D", folder / "data", "-p", port, "-k", "", "-h", "127.0.0.1", *quick]
    with _started(serve, folder.with_name("database"), folder.parent, os.environ, owner, stop="INT") as server:
        server.until(lambda: _answers(port))
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def _redis(program: Path, folder: Path) -> Iterator[str]:
    port = free_port()
    serve = [program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with _started(serve, folder / "redis", folder, os.environ) as server:
        server.until(lambda: _answers(port))
        yield f"127.0.0.1:{port}"


def _owner() -> list[str]:
    """Give the flags that make PostgreSQL run as its own user; it refuses to be root."""
    return [] if os.geteuid() else ["--reuid=postgres", "--regid=postgres", "--clear-groups"]


# processes


Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Started:
    """A program that runs, and the files that hold what it says."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def until(self, look: Callable[[], Found | None]) -> Found:
        """Look until something is found; RuntimeError with the last it said where it ends or takes too long."""
        until = time.monotonic() + START_S
        while self.process.poll() is None and time.monotonic() < until:
            found = look()
            if found is not None:
                return found
            time.sleep(0.05)  # another program's start is waited for
        said = "".join(file.read_text(errors="replace")[-2_000:] for file in (self.out, self.err))
        state = "is not up" if self.process.returncode is None else f"ended with {self.process.returncode}"
        raise RuntimeError(f"{self.out.stem} {state}: {said}")


@contextmanager
def _started(
    command: Sequence[object],
    log: Path,
    folder: Path,
    environment: Mapping[str, str],
    owner: Sequence[str] = (),
    *,
    stop: str = "TERM",
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[Started]:
    """Run a program until the block ends, or we do, however we end."""
    whole = ["setpriv", *owner, f"--pdeathsig={stop}", *map(str, command)]
    out, err = log.with_suffix(".out"), log.with_suffix(".err")
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(whole, cwd=folder, env=dict(environment), stdin=stdin, stdout=to_out, stderr=to_err)
    try:
        yield Started(process, out, err)
    finally:
        process.send_signal(signal.Signals[f"SIG{stop}"])
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# Any: the script's own JSON.
def _json(file: Path) -> Any:
    line, end, _ = file.read_text().partition("\n")
    return json.loads(line) if end else None


def _answers(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
