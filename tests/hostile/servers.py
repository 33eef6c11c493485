"""Builders of what a hostile or broken network does: raw servers, canaries, bombs, drips, certificates."""

import gzip
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@dataclass
class RawServer:
    """A socket server that says whatever it is told to: `port`, how many connected, what each connection asked."""

    port: int
    connections: int = 0
    asked: list[bytes] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


Talk = Callable[[socket.socket, RawServer], None]


@contextmanager
def talking(
    talk: Talk, host: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
) -> Iterator[RawServer]:
    """Run `talk` in a thread for each connection until the block ends."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=128) as listening:
        server = RawServer(listening.getsockname()[1])
        threads = [threading.Thread(target=_accept, args=(listening, talk, server, context), daemon=True)]
        threads[0].start()
        try:
            yield server
        finally:
            server.stop.set()
            listening.shutdown(socket.SHUT_RDWR)
            threads[0].join()


def _accept(listening: socket.socket, talk: Talk, server: RawServer, context: ssl.SSLContext | None) -> None:
    while not server.stop.is_set():
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        server.connections += 1
        threading.Thread(target=_serve, args=(connection, talk, server, context), daemon=True).start()


def _serve(connection: socket.socket, talk: Talk, server: RawServer, context: ssl.SSLContext | None) -> None:
    with suppress(OSError), connection:
        if context is None:
            talk(connection, server)
        else:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                talk(wrapped, server)


def asked(connection: socket.socket, server: RawServer) -> bytes:
    """Read one request's head; empty when the client has gone."""
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = connection.recv(65_536)
        if not chunk:
            return b""
        head += chunk
    server.asked.append(head)
    return head


def says(*pieces: bytes, every_s: float = 0.0, reset: bool = False) -> Talk:
    """Answer each request with these bytes, one piece after the other, then close."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        asked(connection, server)
        for piece in pieces:
            connection.sendall(piece)
            server.stop.wait(every_s)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    return talk


def repeats(head: bytes, piece: bytes, every_s: float = 0.0) -> Talk:
    """Answer with `head` and then with `piece` without end."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        asked(connection, server)
        connection.sendall(head)
        while not server.stop.is_set():
            connection.sendall(piece)
            if every_s:
                time.sleep(every_s)

    return talk


def hangs(connection: socket.socket, server: RawServer) -> None:
    """Take the request and say nothing until the client goes."""
    asked(connection, server)
    connection.settimeout(0.05)
    while not server.stop.is_set():
        with suppress(TimeoutError):
            if not connection.recv(65_536):
                return


def answers(body: bytes = b"here", status: str = "200 OK", headers: bytes = b"", close: bool = True) -> Talk:
    """Answer properly, each request of each connection."""
    closing = b"Connection: close\r\n" if close else b""
    length = b"Content-Length: %d\r\n" % len(body)

    def talk(connection: socket.socket, server: RawServer) -> None:
        while asked(connection, server):
            connection.sendall(b"HTTP/1.1 " + status.encode() + b"\r\n" + length + headers + closing + b"\r\n" + body)
            if close:
                return

    return talk


def gzip_bomb(size: int) -> bytes:
    """Pack `size` zeros: about a thousandth of that on the wire."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1_000_000)
    return b"".join(packer.compress(zeros) for _ in range(size // len(zeros))) + packer.flush()


def gzip_twice(body: bytes) -> bytes:
    """Pack twice, for `Content-Encoding: gzip, gzip`."""
    return gzip.compress(gzip.compress(body))


def loopback_spellings() -> list[str]:
    """Give ways to write a loopback or unspecified address, or to hide one, as the host of a URL."""
    return [
        "127.0.0.1", "127.1", "127.0.1", "127.8.8.8", "127.255.255.254", "2130706433", "0x7f000001", "0X7F000001",
        "0x7f.1", "0x7f.0.1", "0x7F.0x0.0x0.0x1", "017700000001", "0177.1", "0177.0.0.1", "0177.0.0.01", "127.0.0.01",
        "127.000.000.001", "127.0.0.1.", "127.1.", "0x7f000001.", "2130706433.", "0", "00", "0x0", "0.0", "0.0.0.0",
        "localhost", "LOCALHOST", "localhost.", "LocalHost", "[::1]", "[0:0:0:0:0:0:0:1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0.0.0.1]", "[::]", "[0::0]", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[::FFFF:127.0.0.1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]",
        "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:1::1]",
        "[2001:0:7f00:1::]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", "[fe80::1]", "[::1%lo]", "[::1%25lo]",
        "[2001:db8::5efe:127.0.0.1]", "１２７.０.０.１", "127。0。0。1", "①②⑦.⓪.⓪.①", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "%31%32%37.0.0.1", "127.0.0.1%00", "ann@127.0.0.1", "example.org:80@127.0.0.1", "example.org\\@127.0.0.1",
        "127.0.0.1\\", "127.0.0\t.1", "\t127.0.0.1", "127.0.0.1 ",
    ]  # fmt: skip


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, in files: `ca_file`, and contexts for servers."""

    ca_file: Path
    folder: Path

    def context(self, *names: str, days: int = 30) -> ssl.SSLContext:
        """Make a server's TLS context with a certificate for these names or addresses; negative days: expired."""
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization
        from cryptography.x509.oid import NameOID

        key, ca_key = _key(), serialization.load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
        ca = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        certificate = _builder(subject, ca.subject, key, days).add_extension(alternatives, critical=False)
        path = self.folder / f"{names[0]}{days}.pem"
        path.write_bytes(_pem(certificate.sign(ca_key, _sha256())) + _pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def authority(folder: Path) -> Authority:
    """Make a certificate authority that nobody else trusts."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    key, name = _key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    builder = _builder(name, name, key, 30).add_extension(x509.BasicConstraints(True, None), critical=True)
    (folder / "ca.pem").write_bytes(_pem(builder.sign(key, _sha256())))
    (folder / "ca.key").write_bytes(_pem(key))
    return Authority(folder / "ca.pem", folder)


def _builder(subject, issuer, key, days):
    from cryptography import x509

    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )


def _key():
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _sha256():
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()


def _pem(thing) -> bytes:
    from cryptography.hazmat.primitives import serialization as s

    if hasattr(thing, "private_bytes"):
        return thing.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    return thing.public_bytes(s.Encoding.PEM)


def _general_name(name: str):
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
