"""Members of the network, and what they do with the client library that real programs use."""

import time
import warnings
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from atproto import Client, Request, models
from atproto.exceptions import BadRequestError

from tests.atnetwork.network import Network

PASSWORD: Final = "an-invented-password"

LAG_S: Final = 60.0

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Member:
    """An account, new in each test: what it writes, it gives the at-uri of."""

    handle: str
    did: str
    client: Any
    """The library brings no types."""

    def app_password(self) -> str:
        """Make one, as the settings page does."""
        asked = models.ComAtprotoServerCreateAppPassword.Data(name="listener")
        made: str = self.client.com.atproto.server.create_app_password(asked).password
        return made

    def post(self, text: object, *, reply_to: str | None = None, quotes: str | None = None) -> str:
        """Write a post; `text` is text, or what the library's TextBuilder made."""
        ref = _reply(self.ref(reply_to)) if reply_to else None
        embed = models.AppBskyEmbedRecord.Main(record=self.ref(quotes)) if quotes else None
        return str(self.client.send_post(text, reply_to=ref, embed=embed).uri)

    def picture(self, text: str, image: bytes, alt: str) -> str:
        """Write a post with a picture."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # how the library hands a file to httpx is its matter
            return str(self.client.send_image(text, image, alt).uri)

    def repost(self, uri: str) -> str:
        """Pass a post on."""
        return str(self.client.repost(uri, self.ref(uri).cid).uri)

    def like(self, uri: str) -> str:
        """Like a post."""
        return str(self.client.like(uri, self.ref(uri).cid).uri)

    def follow(self, other: "Member") -> str:
        """Follow somebody."""
        return str(self.client.follow(other.did).uri)

    def list_of(self, name: str, *members: "Member") -> str:
        """Make a list of people."""
        now = self.client.get_current_time_iso()
        purpose = "app.bsky.graph.defs#curatelist"
        record = models.AppBskyGraphList.Record(name=name, purpose=purpose, created_at=now)
        made = self.client.app.bsky.graph.list.create(self.did, record)
        for member in members:
            item = models.AppBskyGraphListitem.Record(list=made.uri, subject=member.did, created_at=now)
            self.client.app.bsky.graph.listitem.create(self.did, item)
        return str(made.uri)

    def delete(self, uri: str) -> None:
        """Take a post of one's own back."""
        assert self.client.delete_post(uri)

    def ref(self, uri: str) -> Any:
        """Point at a post; asked of the server it lives on, which knows it at once."""
        did, collection, key = uri.removeprefix("at://").split("/")
        asked = models.ComAtprotoRepoGetRecord.Params(repo=did, collection=collection, rkey=key)
        return models.ComAtprotoRepoStrongRef.Main(uri=uri, cid=self.client.com.atproto.repo.get_record(asked).cid)


def _reply(parent: Any) -> Any:
    return models.AppBskyFeedPost.ReplyRef(parent=parent, root=parent)


def enter(network: Network, name: str) -> Member:
    """Make an account of this name, and a number that no other has."""
    handle = f"{name}{next(_numbers)}.test"
    client = Client(network.pds, request=Request(timeout=LAG_S))
    asked = models.ComAtprotoServerCreateAccount.Data(handle=handle, email=f"{handle}@example.org", password=PASSWORD)
    did = client.com.atproto.server.create_account(asked).did
    _shown(client, handle)
    return Member(handle, did, client)


def _shown(client: Any, handle: str) -> None:
    """Log in once the AppView knows the account: the library asks it for the profile."""
    until = time.monotonic() + LAG_S
    while True:
        try:
            client.login(handle, PASSWORD)
        except BadRequestError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)  # another program's work is waited for
        else:
            return
