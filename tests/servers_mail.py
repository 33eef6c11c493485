"""A mail server (IMAP) and a news server (NNTP) on loopback for tests: as much of both as a reader needs."""

import re
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

PASSWORD = "invented-app-password"


@dataclass
class Kept:
    """A message in a folder; nothing a reader does may change `flags`."""

    uid: int
    body: bytes
    taken: datetime
    flags: set[str] = field(default_factory=set)


@dataclass
class Box:
    """A mail server: folders of messages, what it was told, and what it does wrong."""

    folders: dict[str, list[Kept]] = field(default_factory=dict)
    validity: int = 11
    next_uid: int | None = None
    said: list[str] = field(default_factory=list)
    refusal: str = "[AUTHENTICATIONFAILED] no"
    capabilities: str = "IMAP4rev1"
    user: str = "ada@example.org"
    password: str = PASSWORD
    uid_after: bool = False
    """Name the UID after the text, as some servers do."""
    breaks_at: str | None = None
    literal: int | None = None
    """Claim this length for every text."""

    def of(self, name: str) -> list[Kept]:
        return self.folders[name]


class Imap(socketserver.StreamRequestHandler):
    """One connection. Source: RFC 3501."""

    box: Box
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            self.line(f"* OK [CAPABILITY {self.box.capabilities}] ready")
            self.folder: list[Kept] = []
            while (line := self.rfile.readline().decode().strip()) and self.answer(line):
                pass

    def line(self, text: str | bytes) -> None:
        self.wfile.write((text if isinstance(text, bytes) else text.encode()) + b"\r\n")

    def answer(self, line: str) -> bool:
        tag, _, said = line.partition(" ")
        word, _, rest = said.partition(" ")
        self.box.said.append(said)
        if self.box.breaks_at and said.startswith(self.box.breaks_at):
            return False
        done = getattr(self, f"do_{word.lower()}", lambda _: "BAD unknown command")(rest)
        self.line(f"{tag} {done} said")
        return word != "LOGOUT"

    def do_capability(self, _: str) -> str:
        self.line(f"* CAPABILITY {self.box.capabilities}")
        return "OK"

    def do_login(self, rest: str) -> str:
        user, password = re.fullmatch(r'"?([^" ]+)"? "((?:[^"\\]|\\.)*)"', rest).groups()  # type: ignore[union-attr]
        is_right = (user, password) == (self.box.user, self.box.password)
        return "OK" if is_right else f"NO {self.box.refusal}"

    def do_authenticate(self, rest: str) -> str:
        self.line("+ ")
        import base64

        said = base64.b64decode(self.rfile.readline()).decode()
        return "OK" if said == f"\0{self.box.user}\0{self.box.password}" else f"NO {self.box.refusal}"

    def do_list(self, _: str) -> str:
        self.line(r'* LIST (\Noselect \HasChildren) "/" "[Mail]"')
        for name in self.box.folders:
            self.line(f'* LIST (\\HasNoChildren) "/" "{name}"')
        return "OK"

    def do_examine(self, rest: str) -> str:
        name = rest.strip('"')
        if name not in self.box.folders:
            return "NO no such folder"
        self.folder = self.box.folders[name]
        following = self.box.next_uid or max((one.uid for one in self.folder), default=0) + 1
        self.line(f"* {len(self.folder)} EXISTS")
        self.line(f"* OK [UIDVALIDITY {self.box.validity}] valid")
        self.line(f"* OK [UIDNEXT {following}] next")
        return "OK [READ-ONLY] opened"

    def do_uid(self, rest: str) -> str:
        word, _, rest = rest.partition(" ")
        return self.search(rest) if word == "SEARCH" else self.fetch(rest)

    def search(self, rest: str) -> str:
        since = re.fullmatch(r"SINCE (\d+-\w+-\d+)", rest)
        if since:
            day = datetime.strptime(f"{since[1]} +0000", "%d-%b-%Y %z").date()
            found = [one.uid for one in self.folder if one.taken.date() >= day]
        else:
            first = int(re.fullmatch(r"UID (\d+):\*", rest)[1])  # type: ignore[index]
            found = [one.uid for one in self.folder if one.uid >= first]
            found = found or [one.uid for one in self.folder[-1:]]
        self.line("* SEARCH " + " ".join(map(str, found)))
        return "OK"

    def fetch(self, rest: str) -> str:
        ranges, _, what = rest.partition(" ")
        for number, one in enumerate(self.folder, 1):
            if not any(
                int(part.partition(":")[0]) <= one.uid <= int(part.rpartition(":")[2]) for part in ranges.split(",")
            ):
                continue
            if "SIZE" in what:
                self.line(f"* {number} FETCH (UID {one.uid} RFC822.SIZE {len(one.body)})")
                continue
            most = re.search(r"BODY.PEEK\[\]<0\.(\d+)>", what)
            if most is None:
                one.flags.add("\\Seen")
            body = one.body[: int(most[1])] if most else one.body
            taken = one.taken.strftime("%d-%b-%Y %H:%M:%S %z")
            head = f'INTERNALDATE "{taken}" BODY[]<0> {{{self.box.literal or len(body)}}}'
            before, after = ("", f" UID {one.uid}") if self.box.uid_after else (f"UID {one.uid} ", "")
            self.line(f"* {number} FETCH ({before}{head}".encode() + b"\r\n" + body + f"{after})".encode())
        return "OK"

    def do_logout(self, _: str) -> str:
        self.line("* BYE")
        return "OK"


@dataclass
class News:
    """A news server: groups of numbered articles, what it was told, and what it does wrong."""

    groups: dict[str, dict[int, bytes]] = field(default_factory=dict)
    low: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    over: str = "OVER"
    """The command that it knows for lists; empty: none."""
    login: tuple[str, str] | None = None
    greeting: str = "200 ready"
    breaks_at: str | None = None


class Nntp(socketserver.StreamRequestHandler):
    """One connection. Source: RFC 3977."""

    news: News
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            self.line(self.news.greeting)
            self.group: dict[int, bytes] = {}
            self.user: str | None = None
            self.is_in = self.news.login is None
            while line := self.rfile.readline().decode().strip():
                self.news.said.append(line)
                if self.news.breaks_at and line.startswith(self.news.breaks_at):
                    return
                self.answer(*line.split())
                if line == "QUIT":
                    return

    def line(self, text: str | bytes) -> None:
        self.wfile.write((text if isinstance(text, bytes) else text.encode()) + b"\r\n")

    def answer(self, word: str, *rest: str) -> None:
        if word in ("MODE", "QUIT"):
            self.line("200 yes")
        elif word == "AUTHINFO":
            self.log_in(*rest)
        elif not self.is_in:
            self.line("480 log in first")
        elif word == "GROUP":
            self.enter(rest[0])
        elif word == self.news.over:
            self.listed(*map(int, rest[0].split("-")))
        elif word == "ARTICLE":
            self.article(int(rest[0]))
        else:
            self.line("500 what?")

    def log_in(self, kind: str, value: str) -> None:
        if kind == "USER":
            self.user = value
            self.line("381 and the password?")
        else:
            self.is_in = (self.user, value) == self.news.login
            self.line("281 in" if self.is_in else "481 no")

    def enter(self, name: str) -> None:
        if name not in self.news.groups:
            self.line("411 no such group")
            return
        self.group = self.news.groups[name]
        low, high = min(self.group, default=0), max(self.group, default=0)
        self.line(f"211 {len(self.group)} {self.news.low.get(name, low)} {high} {name}")

    def listed(self, first: int, last: int) -> None:
        found = {number: body for number, body in self.group.items() if first <= number <= last}
        if not found:
            self.line("423 none there")
            return
        self.line("224 list follows")
        for number, body in sorted(found.items()):
            head = {name: (re.search(rf"(?im)^{name}: *([^\r\n]*)", body.decode("latin-1")) or [""] * 2)[1] for name in
                    ("subject", "from", "date", "message-id")}  # fmt: skip
            self.line("\t".join([str(number), *head.values(), "", str(len(body)), "1"]))
        self.line(".")

    def article(self, number: int) -> None:
        if number not in self.group:
            self.line("423 cancelled")
            return
        self.line(f"220 {number} <x> follows")
        for line in self.group[number].split(b"\n"):
            line = line.rstrip(b"\r")
            self.line(b"." + line if line.startswith(b".") else line)
        self.line(".")


@contextmanager
def listening(
    handler: type[socketserver.StreamRequestHandler], context: ssl.SSLContext | None = None, **state: object
) -> Iterator[int]:
    """Serve a protocol on 127.0.0.1; give the port."""

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

        def get_request(self):  # type: ignore[no-untyped-def]
            plain, address = super().get_request()
            return (plain if context is None else context.wrap_socket(plain, server_side=True)), address

        def handle_error(self, request, client_address):  # type: ignore[no-untyped-def]
            """Say nothing."""

    kind = type("Handler", (handler,), state)
    server = Server(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


Talk = Callable[[socketserver.StreamRequestHandler], None]


def speaking(talk: Talk) -> type[socketserver.StreamRequestHandler]:
    """Make a handler of a function."""

    class Speaking(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(ConnectionError):
                talk(self)

    return Speaking
