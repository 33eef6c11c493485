"""Discussions, which only the GraphQL interface gives: newest activity first, with their newest comments. No I/O."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.github.posts import PLATFORM, account, images, said, when, words
from connectors.github.queries import SITE, Query
from listener import urls, walk
from listener.connector import gather
from listener.errors import BadPayload, ConnectorError, NotAuthorised, RateLimited
from listener.types import Counts, Gap, Page, Post, Visibility
from listener.walk import Item, Walk

COMMENTS: Final = 50
"""Newest comments that come with each discussion."""
WAIT_S: Final = 3_600.0
"""Points are counted by the hour."""

_WHO: Final = "author{__typename login url ... on User{name}}"
_SAID: Final = f"{_WHO} body bodyHTML url createdAt lastEditedAt isMinimized upvoteCount reactions{{totalCount}}"
_DISCUSSION: Final = (
    "fragment d on Discussion{number title updatedAt isAnswered labels(first:20){nodes{name}} category{name} "
    f"repository{{nameWithOwner isPrivate}} {_SAID} comments(last:{COMMENTS}){{totalCount "
    f"nodes{{{_SAID} replies(last:10){{totalCount nodes{{{_SAID}}}}}}}}}}}"
)
_PAGE: Final = "pageInfo{endCursor hasNextPage} nodes{...d}"
OF_REPOSITORY: Final = (
    "query($owner:String!,$name:String!,$after:String){repository(owner:$owner,name:$name){discussions("
    f"first:20,after:$after,orderBy:{{field:UPDATED_AT,direction:DESC}}){{{_PAGE}}}}}}}{_DISCUSSION}"
)
OF_SEARCH: Final = (
    f"query($q:String!,$after:String){{search(type:DISCUSSION,query:$q,first:20,after:$after){{{_PAGE}}}}}{_DISCUSSION}"
)
# Source: https://docs.github.com/en/graphql/guides/using-the-graphql-api-for-discussions, read 2026-11-25.

Node = Mapping[str, Any]
"""Raw JSON, hence Any."""


def body(query: Query, cursor: str | None) -> bytes:
    """Write the request for the next page."""
    after = Walk.read(cursor).token
    if query.kind == "discussed":
        asked: dict[str, str | None] = {"q": f"{query.words} sort:updated-desc", "after": after}
        return json.dumps({"query": OF_SEARCH, "variables": asked}).encode()
    owner, _, name = query.repo.partition("/")
    return json.dumps({"query": OF_REPOSITORY, "variables": {"owner": owner, "name": name, "after": after}}).encode()


def page(answer: object, query: Query, cursor: str | None, since_s: float) -> Page:
    """Read one page: discussions and the comments that came with them."""
    found = _found(answer, query)
    nodes, info = found.get("nodes"), found.get("pageInfo")
    if not isinstance(nodes, list) or not isinstance(info, Mapping):
        raise BadPayload("the answer has no discussions")
    posts, rejects = gather([(node, node) for node in nodes if node], lambda pair: discussion(pair[0]))
    said_of, more_rejects = gather(_replies(nodes), lambda pair: _comment(*pair))
    rows = [row for node in nodes if (row := _row(node)) is not None]
    before = Walk.read(cursor)
    token = info.get("endCursor") if info.get("hasNextPage") is True else None
    taken = walk.step(before, rows, token if isinstance(token, str) else None, since_s=since_s)
    result = Page((*posts, *said_of), rejects=(*rejects, *more_rejects), gap=_gap(nodes, before))
    return walk.paged(result, taken)


def discussion(node: Node) -> Post:
    """Read a discussion. Source: https://docs.github.com/en/graphql/reference/objects#discussion."""
    repo, number = _place(node)
    url = urls.safe(node.get("url")) or f"{SITE}/{repo}/discussions/{number}"
    text, links, mentions = said(_as_rest(node), url)
    labels = [one.get("name") for one in _nodes(node.get("labels"))]
    answered = node.get("isAnswered")
    category, comments = node.get("category") or {}, node.get("comments") or {}
    return Post(
        PLATFORM,
        f"{repo}#{number}",
        url=url,
        account=account(node.get("author")),
        title=str(node["title"]),
        text=text,
        published_at=when(node.get("createdAt")),
        edited_at=when(node.get("lastEditedAt")),
        thread=f"{repo}#{number}",
        mentions=mentions,
        links=links,
        tags=words((*labels, category.get("name"))),
        media=images(node.get("body")),
        community=repo,
        counts=Counts(replies=_int(comments.get("totalCount")), score=_int(node.get("upvoteCount"))),
        visibility=_visibility(node),
        answered=answered if isinstance(answered, bool) else None,
    )


def _comment(node: Node, parent: str, of: Node) -> Post | None:
    """Read a comment; None: one that was hidden, or of which nothing but its number came."""
    url = urls.safe(node.get("url"))
    number = (url or "").rpartition("#discussioncomment-")[2]
    if url is None or not number.isdigit() or node.get("isMinimized") is True:
        return None
    repo, of_number = _place(of)
    text, links, mentions = said(_as_rest(node), url)
    return Post(
        PLATFORM,
        f"discussioncomment-{number}",
        url=url,
        account=account(node.get("author")),
        kind="reply",
        text=text,
        published_at=when(node.get("createdAt")),
        edited_at=when(node.get("lastEditedAt")),
        in_reply_to=parent,
        thread=f"{repo}#{of_number}",
        mentions=mentions,
        links=links,
        media=images(node.get("body")),
        community=repo,
        counts=Counts(score=_int(node.get("upvoteCount"))),
        visibility=_visibility(of),
    )


def _replies(nodes: Sequence[Any]) -> list[tuple[Node, str, Node]]:
    """List every comment and reply with what it answers and the discussion it belongs to."""
    found: list[tuple[Node, str, Node]] = []
    for node in nodes:
        if _row(node) is None:
            continue
        repo, number = _place(node)
        for comment in _nodes(node.get("comments")):
            found.append((comment, f"{repo}#{number}", node))
            name = f"discussioncomment-{str(comment.get('url')).rpartition('-')[2]}"
            found.extend((reply, name, node) for reply in _nodes(comment.get("replies")))
    return found


def _found(answer: object, query: Query) -> Node:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    errors = answer.get("errors") if isinstance(answer, Mapping) else None
    if isinstance(errors, list) and errors:
        _refuse({one.get("type") for one in errors if isinstance(one, Mapping) and isinstance(one.get("type"), str)})
    holder = data.get("search" if query.kind == "discussed" else "repository") if isinstance(data, Mapping) else None
    found = holder.get("discussions") if query.kind != "discussed" and isinstance(holder, Mapping) else holder
    if not isinstance(found, Mapping):
        raise BadPayload("the answer has no discussions")
    return found


def _refuse(kinds: set[Any]) -> None:
    """Raise what GraphQL's own errors stand for; they come with HTTP 200. Their messages are not repeated."""
    if kinds & {"RATE_LIMITED", "RATE_LIMIT"}:
        raise RateLimited("the hour's points are spent", WAIT_S)
    if "NOT_FOUND" in kinds:
        raise ConnectorError("there is no such repository, or connectors.github.token may not read it")
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        raise NotAuthorised("connectors.github.token may not read this; give it the right “Discussions: read”")
    raise ConnectorError("the platform could not answer; it will be asked again")


def _row(node: object) -> Item | None:
    try:
        if not isinstance(node, Mapping):
            return None
        repo, number = _place(node)
        return Item(f"{repo}#{number}", when(node.get("updatedAt")))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):  # it is a reject of the page
        return None


def _gap(nodes: Sequence[Any], before: Walk) -> Gap | None:
    """Suspect a gap where all of a discussion's comments that came are newer than the last walk."""
    for node in nodes:
        comments = node.get("comments") if isinstance(node, Mapping) else None
        times = [str(one.get("createdAt")) for one in _nodes(comments)]
        total = _int(comments.get("totalCount")) if isinstance(comments, Mapping) else None
        if before.newest_s is None or len(times) < COMMENTS or total is None or total <= COMMENTS:
            continue
        try:
            oldest = when(min(times))
        except ValueError:
            continue
        if oldest is not None and oldest.timestamp() > before.newest_s:
            return Gap(f"more than {COMMENTS} comments came to one discussion since the last poll", newer=min(times))
    return None


def _place(node: Node) -> tuple[str, int]:
    repository, number = node["repository"], node["number"]
    if type(number) is not int or number <= 0:
        raise ValueError("a number is a positive integer")
    name = repository.get("nameWithOwner") or f"{repository['owner']['login']}/{repository['name']}"
    return str(name), number


def _as_rest(node: Node) -> dict[str, Any]:  # Any: raw JSON
    return {"body": node.get("body"), "body_html": node.get("bodyHTML")}


def _visibility(node: Node) -> Visibility | None:
    private = node["repository"].get("isPrivate")
    return ("private" if private else "public") if isinstance(private, bool) else None


def _nodes(holder: object) -> list[Node]:
    nodes = holder.get("nodes") if isinstance(holder, Mapping) else None
    return [node for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []


def _int(value: object) -> int | None:
    return value if type(value) is int else None
