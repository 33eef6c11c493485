"""Feeds: RSS 0.9 to 2.0, Atom, RDF and JSON Feed, and the platforms that speak them.

`Rss` is loaded when it is asked for: the child processes that read feeds import this package too, and shall not pay
for what only the connector needs.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.rss.connector import Rss

__all__ = ["Rss"]


def __getattr__(name: str) -> object:
    """Load the connector (PEP 562)."""
    if name != "Rss":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from connectors.rss.connector import Rss

    return Rss
