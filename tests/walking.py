"""A connector over a loopback server, polled page after page as the pipeline does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from listener.addresses import NetworkRules
from listener.connector import Connector, poll
from listener.errors import ConnectorError
from listener.http import Client, Limits
from listener.types import Feed, Page
from tests.servers import Reply, Seen, Server, serving

Kind = TypeVar("Kind", bound=Connector)


@contextmanager
def reached(kind: type[Kind], answer: Callable[[Seen], Reply], **settings: object) -> Iterator[tuple[Server, Kind]]:
    """Serve `answer` and give a connector aimed at it, without the manners that public hosts are shown."""
    with serving(answer) as server:
        client = Client(
            NetworkRules(allow_private=(server.host_port,)), limits=Limits(read_s=2.0, total_s=4.0, host_slot_s=0.0)
        )
        try:
            yield server, kind(kind.settings_model.model_validate({**settings, "base_url": server.url}), client)
        finally:
            client.close()


def walked(
    connector: Connector, source: Feed, cursor: str | None = None, errors: int = 0, *, most: int = 60
) -> list[Page]:
    """Walk to the end, `most` pages at the most; up to `errors` errors leave the cursor where it was."""
    found: list[Page] = []
    while len(found) < most:
        try:
            _, page = poll(connector, source, cursor)
        except ConnectorError:
            errors -= 1
            if errors < 0:
                raise
            continue
        found.append(page)
        cursor = page.cursor
        if not page.more:
            return found
    raise AssertionError("the walk does not end")
