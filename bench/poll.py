"""Poll thousands of local feeds: first, unchanged, one new entry each; beside curl and the peers that are installed.

    python -m bench.poll [--feeds 2000] [--entries 25] [--delay 0.3] [--peers]

CPU seconds are those of the whole process tree (user and system), memory is the largest process's peak.
Each feed is a host of its own (127.x.y.z), so no host's slots hold the run back.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROUNDS = ("first poll", "nothing changed", "one new entry each")


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    peak_mb: float

    def line(self, name: str, feeds: int, bare: "Cost | None") -> str:
        ratio = f"{self.cpu_s / bare.cpu_s:7.2f} x curl" if bare else "              "
        return (
            f"  {name:<22} {self.wall_s:7.2f} s wall {self.cpu_s:7.2f} s CPU {ratio} "
            f"{feeds / self.wall_s:8.0f} feeds/s {self.peak_mb:6.0f} MB"
        )


def run(command: list[str], **options: object) -> Cost:
    """Run a command and give its cost; its children count where it waits for them."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
    errors = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    wall_s = time.perf_counter() - start
    if status:
        print(f"{command[0]} ended with {status}: {errors.decode()[-500:]}", file=sys.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_s, cpu_s, usage.ru_maxrss / 1_024)


@contextmanager
def served(feeds: int, entries: int, delay_s: float) -> Iterator[int]:
    """Serve the feeds from another process; give its port."""
    options = ["--feeds", str(feeds), "--entries", str(entries), "--delay", str(delay_s)]
    process = subprocess.Popen([sys.executable, "-m", "bench.feedserver", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def address(n: int, port: int) -> str:
    return f"http://127.{1 + n // 62_500}.{n // 250 % 250}.{1 + n % 250}:{port}/{n}.xml"


def listener(folder: Path, urls: list[str], port: int) -> list[str]:
    feeds = "\n".join(f'[[feeds]]\nurl = "{url}"' for url in urls)
    config = folder / "config.toml"
    config.write_text(
        f'[store]\nurl = "{folder}/bench.db"\n[network]\nallow_private = ["127.0.0.0/8:{port}"]\n{feeds}\n'
    )
    return [str(Path(sys.executable).with_name("listener")), "--config", str(config), "poll", "--all"]


def curl(folder: Path, urls: list[str], *, conditional: str | None = None) -> list[str]:
    file = folder / "urls.txt"
    lines = []
    for n, url in enumerate(urls):
        if conditional is not None:
            lines += ["next", "silent"] * bool(n) + [f'header = "If-None-Match: \\"{n}-{conditional}\\""']
        lines.append(f'url = "{url}"\noutput = "{os.devnull}"')
    file.write_text("\n".join(lines))
    return ["curl", "-s", "--parallel", "--parallel-max", "50", "-K", str(file)]


def warm_tick(folder: Path) -> Cost:
    """Measure a poll of everything inside a running program, as `listener up` does it: no start-up in it."""
    code = (
        "import resource, sys, time\n"
        "from pathlib import Path\n"
        "from listener.app import App\n"
        "app = App.open(Path(sys.argv[1]))\n"
        "app.poll(everything=True)\n"
        "before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()\n"
        "assert all(outcome.unchanged for outcome in app.poll(everything=True).outcomes)\n"
        "wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024)\n"
    )
    command = [sys.executable, "-c", code, str(folder / "config.toml")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Cost(*map(float, printed.split()))


def sfeed(folder: Path, urls: list[str]) -> list[str]:
    lines = [f"feed '{n}' '{url}'" for n, url in enumerate(urls)]
    (folder / "sfeedrc").write_text(f"sfeedpath='{folder}/sfeed'\nfeeds() {{\n" + "\n".join(lines) + "\n}\n")
    return ["sfeed_update", str(folder / "sfeedrc")]


def newsboat(folder: Path, urls: list[str]) -> list[str]:
    (folder / "urls").write_text("\n".join(urls))
    (folder / "newsboat.conf").write_text("reload-threads 8\nsuppress-first-reload yes\n")
    files = ["-C", str(folder / "newsboat.conf"), "-u", str(folder / "urls"), "-c", str(folder / "cache.db")]
    return ["newsboat", *files, "-x", "reload"]


def rounds(name: str, command: list[str], port: int, feeds: int, bare: list[Cost], limit: int) -> list[Cost]:
    """Run the three rounds; the server's feeds grow before the third."""
    costs = []
    for number, title in enumerate(ROUNDS[:limit]):
        if number == 2:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/next").read()
        cost = run(command)
        costs.append(cost)
        print(cost.line(f"{name}: {title}"[:42], feeds, bare[number] if bare else None), flush=True)
    stats = urllib.request.urlopen(f"http://127.0.0.1:{port}/stats").read().decode()
    print(f"  {name}: the server counted {stats}")
    return costs


def bare_limit(folder: Path, asked: argparse.Namespace) -> list[Cost]:
    """Measure curl: all bodies; then all 304s."""
    with served(asked.feeds, asked.entries, asked.delay) as port:
        urls = [address(n, port) for n in range(asked.feeds)]
        bodies = [run(curl(folder, urls)) for _ in range(3)]
        same = [run(curl(folder, urls, conditional="0")) for _ in range(3)]
    middle: Callable[[list[Cost]], Cost] = lambda costs: sorted(costs, key=lambda cost: cost.cpu_s)[1]  # noqa: E731
    full, unchanged = middle(bodies), middle(same)
    print(full.line("curl: bodies", asked.feeds, None))
    print(unchanged.line("curl: 304s", asked.feeds, None))
    return [full, unchanged, full]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=2_000)
    parser.add_argument("--entries", type=int, default=25)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds the server holds each answer back")
    parser.add_argument("--peers", action="store_true", help="also sfeed and newsboat, where installed")
    asked = parser.parse_args()
    print(f"{asked.feeds} feeds of {asked.entries} entries, each its own host")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = bare_limit(folder, asked)
        makers = {"listener": None} | ({"sfeed": sfeed, "newsboat": newsboat} if asked.peers else {})
        for peer, maker in makers.items():
            if maker is not None and not shutil.which("sfeed_update" if peer == "sfeed" else peer):
                print(f"  {peer}: not installed, not measured")
                continue
            with served(asked.feeds, asked.entries, asked.delay) as port:
                urls = [address(n, port) for n in range(asked.feeds)]
                command = maker(folder, urls) if maker else listener(folder, urls, port)
                rounds(peer, command, port, asked.feeds, bare, 3 if peer == "listener" else 1)
                if peer == "listener":
                    warm = sorted((warm_tick(folder) for _ in range(3)), key=lambda cost: cost.cpu_s)[1]
                    print(warm.line("listener up: unchanged", asked.feeds, bare[1]))
        if asked.delay:
            best_s = -(-asked.feeds // 50) * asked.delay
            print(f"  with {asked.delay} s of delay the best possible wall time is {best_s:.1f} s")


if __name__ == "__main__":
    main()
