"""What the connector contract is run over: a module for each connector, of tables and no test code.

`CASES`: recordings and what comes of them. `SPOILT`: one case for each way to ask; these meet every fault. `QUERIES`:
for the tests with arbitrary bytes. Where needed: `NOT_READ` (patterns of recordings that no case reads, with the
reason), `SETTINGS` (credentials, any values), `METHODS` (other than GET), `SENDS_SECRETS` (requests carry the user's
credentials), `WITHOUT_LINK` (posts may lack an address), `SALVAGES` (reads what is whole of a truncated answer),
`NOT_HTTP` (another protocol or files only: the connector has a test file of its own and no cases here).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from listener.errors import ConnectorError


@dataclass(frozen=True)
class Case:
    """One poll, answered by recordings."""

    connector: str
    query: str
    """`{url}` stands for the server."""
    recordings: Mapping[str, str]
    """Path, whatever the query, to the recording (`platform/file`) served there."""
    made: Mapping[str, bytes] = field(default_factory=dict)
    """Path to a body of our own that the poll needs beside them."""
    also: str | None = None
    """Pattern of further paths that the poll asks for; where nothing is recorded, `null` is served."""
    posts: int | None = None
    """How many come; None: any number."""
    error: type[ConnectorError] | None = None
    """What comes in place of a page."""
    again: bool = False
    """True: one poll may ask for the same path more than once (with other parameters)."""
    cursor: str | None = None
    """Where the poll starts; None: the first poll."""

    @property
    def name(self) -> str:
        return f"{self.connector} {self.query} {' '.join(self.recordings.values())}"
