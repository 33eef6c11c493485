"""Other people's services, spoken to by Apprise: in a child process that ends when its time is over.

A service that hangs holds up nobody, Apprise's logs (which hold tokens) go nowhere, and proxies and files of the
machine are not its own: see `listener.sandbox`. What comes back is a verdict and its reasons, for `listener.channels`.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

SEND_S: Final = 25.0
"""Longest time for one message; Apprise's own limits for a connection are 4 s each way."""
MEMORY: Final = 1 << 30
CHILDREN: Final = 2


def notify(body: bytes, args: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    """Send `body` to `args["url"]`, or only see whether the address is one (`args["check"]`); runs in the child.

    Gives `known` (Apprise can read the address), `sent`, and `said`: what was logged, as (level, text).
    """
    import apprise

    asset = apprise.AppriseAsset(
        app_id="listener",
        app_desc="listener",
        storage_mode="memory",
        allow_templates=False,
        http_redirects=False,
        service_timeout=0,  # it would need threads; the sandbox ends what takes too long
        image_url_mask=False,
    )
    said: list[tuple[str, str]] = []
    with _heard(said):
        channel = apprise.Apprise.instantiate(args["url"], asset=asset, suppress_exceptions=True)
    if not isinstance(channel, apprise.NotifyBase):
        return {"known": False, "sent": False, "said": said}
    if args.get("check"):
        return {"known": True, "sent": False, "said": said}
    sender = apprise.Apprise(asset=asset)
    with _heard(said):
        sender.add(channel)
        sent = sender.notify(body=body.decode(), title=args["title"], body_format=args["format"])
    return {"known": True, "sent": bool(sent), "said": said}


class _heard(logging.Handler):  # noqa: N801 it is used as a function
    """Collect what Apprise logs in the meantime: nothing else says why a message was not taken."""

    def __init__(self, said: list[tuple[str, str]]) -> None:
        super().__init__()
        self._said, self._logger = said, logging.getLogger("apprise")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self._said.append((record.levelname, record.getMessage()[:500]))

    def __enter__(self) -> None:
        self._logger.setLevel(logging.DEBUG)
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
