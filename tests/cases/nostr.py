"""Nostr: WebSockets, tested over real relays on loopback in `tests/test_nostr.py`."""

from tests.cases import Case

NOT_HTTP = True
CASES: list[Case] = []
SPOILT: dict[str, Case] = {}
QUERIES = ("author:" + "ab" * 32, "tag:gardening", "home:" + "cd" * 32, "mentions:" + "ab" * 32)
NOT_READ = {"nostr/event_*.json": "messages of a WebSocket, read in test_nostr.py"}
