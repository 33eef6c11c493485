"""Names of folders as IMAP writes them: UTF-7 with signs of its own. Source: RFC 3501, section 5.1.3. No I/O."""

import binascii
import re
from typing import Final

_LISTED: Final = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (?P<name>.+)', re.DOTALL)


def quoted(name: str) -> str:
    """Write a folder's name for a command."""
    escaped = _encoded(name).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def listed(line: bytes | tuple[bytes, ...]) -> str | None:
    """Read a line of the answer to LIST; None: it cannot be opened, or is none."""
    literal = line[1] if isinstance(line, tuple) and len(line) > 1 else None
    match = _LISTED.match(line[0] if isinstance(line, tuple) else line)
    if match is None or b"\\noselect" in match["flags"].lower():
        return None
    name = (literal if literal is not None else match["name"].strip()).decode("utf-8", "replace")
    if name.startswith('"') and name.endswith('"') and literal is None:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return _decoded(name)


def _encoded(name: str) -> str:
    def one(match: re.Match[str]) -> str:
        written = binascii.b2a_base64(match[0].encode("utf-16-be"), newline=False).rstrip(b"=")
        return f"&{written.decode().replace('/', ',')}-"

    return re.sub(r"[^\x20-\x7e]+", one, name.replace("&", "&-"))


def _decoded(name: str) -> str:
    def one(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        written = match[1].replace(",", "/")
        try:
            return binascii.a2b_base64(written + "=" * (-len(written) % 4)).decode("utf-16-be")
        except (ValueError, UnicodeError):
            return match[0]

    return re.sub(r"&([A-Za-z0-9+,]*)-", one, name)
