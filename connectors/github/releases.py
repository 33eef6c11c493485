"""Releases, newest first. Their ids hold the repository's number, which the first page of the first poll asks for."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from connectors.github.posts import release, when
from listener import walk
from listener.connector import gather
from listener.errors import BadPayload
from listener.types import Page, Post, Visibility
from listener.walk import Item, Walk

PAGE_SIZE: Final = 30


def path(repo: str, cursor: str | None) -> str:
    """Build the path of the next page."""
    held = Walk.read(cursor)
    if not _known(held):
        return f"/repos/{repo}"
    params = {"per_page": PAGE_SIZE} | ({"page": held.token} if held.token else {})
    return f"/repos/{repo}/releases?{urlencode(params)}"


def page(body: object, headers: Mapping[str, str], repo: str, cursor: str | None, since_s: float) -> Page:
    """Read the repository, or a page of its releases."""
    held = Walk.read(cursor)
    if not _known(held):
        return _repository(body)
    if not isinstance(body, list):
        raise BadPayload("the answer is no list")
    number, private = held.extra["repo"], held.extra.get("private")
    visibility: Visibility | None = ("private" if private else "public") if isinstance(private, bool) else None

    def read(item: Mapping[str, object]) -> Post | None:
        return release(item, repo, number, visibility)

    posts, rejects = gather(body, read)
    token = str(int(held.token or 1) + 1) if 'rel="next"' in headers.get("link", "") else None
    rows = [row for item in body if (row := _row(item)) is not None]
    return walk.paged(Page(posts, rejects=rejects), walk.step(held, rows, token, since_s=since_s))


def _known(held: Walk) -> bool:
    return type(held.extra.get("repo")) is int


def _repository(body: object) -> Page:
    number = body.get("id") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping) or type(number) is not int:
        raise BadPayload("the answer is no repository")
    return Page(cursor=Walk(extra={"repo": number, "private": body.get("private")}).cursor, more=True)


def _row(item: object) -> Item | None:
    """Take the time by which the list is sorted."""
    try:
        return Item(str(item["id"]), when(item.get("created_at"))) if isinstance(item, Mapping) else None
    except (KeyError, ValueError, OverflowError):  # it is a reject of the page
        return None
