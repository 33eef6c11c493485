"""Read issues, comments, releases and notifications of GitHub's REST interface. No I/O."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.github.queries import SITE
from listener import urls
from listener.html import links, to_text
from listener.types import Account, Counts, Media, Post, Visibility

PLATFORM: Final = "github"
GHOST: Final = "ghost"
"""The account that stands for all deleted ones."""

_LINK: Final = re.compile(r"\bhttps?://[^\s<>\"'`)\]]+")
_MENTION: Final = re.compile(r"(?<![\w/`.])@([A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))(?![\w/])")
_IMAGES: Final = (
    re.compile(r"!\[(?P<alt>[^\]\n]{0,300})\]\((?P<url>https?://[^\s)]+)"),
    re.compile(r"<img\b[^>]{0,500}?\bsrc=\"(?P<url>https?://[^\"]+)\""),
)
_PAGE: Final = re.compile(r"https?://[^/]+/(?:repos/)?([^/]+/[^/]+)/(issues|pulls?|discussions)/(\d+)(?:[#/?].*)?")

Item = Mapping[str, Any]
"""Raw JSON, hence Any."""


def issue(item: Item, visibility: Visibility | None) -> Post:
    """Read an issue or a pull request. Any activity counts as its update, so no time of an edit is claimed.

    Source: https://docs.github.com/en/rest/issues/issues.
    """
    url = str(item["html_url"])
    repo, number = _place(url)
    body, found, mentions = said(item, url)
    labels = [one.get("name") if isinstance(one, Mapping) else one for one in _list(item.get("labels"))]
    is_pull = bool((item.get("pull_request") or {}).get("html_url")) or "/pull/" in url
    return Post(
        PLATFORM,
        f"{repo}#{number}",
        url=urls.safe(url),
        account=account(item.get("user")),
        title=_text(item.get("title")),
        text=body,
        published_at=when(item.get("created_at")),
        thread=f"{repo}#{number}",
        mentions=mentions,
        links=found,
        tags=words((*labels, "pull request" if is_pull else None, item.get("state"))),
        media=images(item.get("body")),
        community=repo,
        counts=_counts(item, item.get("comments")),
        visibility=visibility,
    )


def comment(item: Item, visibility: Visibility | None, place: tuple[str, int] | None = None) -> Post:
    """Read a comment on an issue or a pull request; `place` (repository, number): which one, where it does not say.

    Source: https://docs.github.com/en/rest/issues/comments.
    """
    number = item["id"]
    if type(number) is not int or number <= 0:
        raise ValueError("an id is a positive integer")
    says = item.get("html_url") or item.get("issue_url")
    repo, issue_number = place if place is not None and says is None else _place(str(says))
    url = urls.safe(item.get("html_url")) or f"{SITE}/{repo}/issues/{issue_number}#issuecomment-{number}"
    body, found, mentions = said(item, url)
    created, updated = when(item.get("created_at")), when(item.get("updated_at"))
    return Post(
        PLATFORM,
        f"issuecomment-{number}",
        url=url,
        account=account(item.get("user")),
        kind="reply",
        text=body,
        published_at=created,
        edited_at=updated if created and updated and updated > created else None,
        in_reply_to=f"{repo}#{issue_number}",
        thread=f"{repo}#{issue_number}",
        mentions=mentions,
        links=found,
        media=images(item.get("body")),
        community=repo,
        counts=_counts(item, None),
        visibility=visibility,
    )


def release(item: Item, repo: str, repo_id: int, visibility: Visibility | None) -> Post | None:
    """Read a release under the id that its Atom feed gives it; None: a draft, which only its owners see.

    Source: https://docs.github.com/en/rest/releases/releases.
    """
    if item.get("draft") is True:
        return None
    tag, url = str(item["tag_name"]), str(item["html_url"])
    body, found, mentions = said(item, url)
    assets = [one for one in _list(item.get("assets")) if isinstance(one, Mapping)]
    return Post(
        PLATFORM,
        f"tag:github.com,2008:Repository/{repo_id}/{tag}",
        url=urls.safe(url),
        account=account(item.get("author")),
        title=_text(item.get("name")) or tag,
        text=body,
        published_at=when(item.get("published_at")) or when(item.get("created_at")),
        mentions=mentions,
        links=found,
        tags=("prerelease",) if item.get("prerelease") is True else (),
        media=tuple(
            Media(asset, _text(one.get("content_type")))
            for one in assets
            if (asset := urls.safe(_text(one.get("browser_download_url"))))
        ),
        community=repo,
        counts=_counts(item, None),
        visibility=visibility,
    )


def notification(item: Item) -> Post:
    """Read a notification: a row of its own for each time something happened, pointing at what it is about.

    Source: https://docs.github.com/en/rest/activity/notifications.
    """
    subject, place = item["subject"], item.get("repository") or {}
    repo = _text(place.get("full_name"))
    page = _PAGE.fullmatch(str(subject.get("url") or ""))
    about = f"{page[1]}#{page[3]}" if page else None
    home = f"{SITE}/{repo}" if repo else f"{SITE}/notifications"
    pages = {"issues": "issues", "pull": "pull", "pulls": "pull", "discussions": "discussions"}
    updated_at = when(item.get("updated_at"))
    private = place.get("private")
    return Post(
        PLATFORM,
        f"notification/{item['id']}/{item.get('updated_at') or ''}",
        url=f"{SITE}/{page[1]}/{pages[page[2]]}/{page[3]}" if page else urls.safe(home),
        title=_text(subject.get("title")),
        published_at=updated_at,
        thread=about,
        refers_to=about,
        tags=words((item.get("reason"), subject.get("type"))),
        community=repo,
        visibility=("private" if private else "public") if isinstance(private, bool) else None,
    )


def said(item: Item, base: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Read text, links and mentions: of the HTML where the platform sent it, else of the Markdown."""
    rendered, source = _text(item.get("body_html")), _text(item.get("body")) or ""
    if rendered is not None:
        text = to_text(rendered)
        found: Sequence[str] = links(rendered, base)
    else:
        text = _without_comments(source).strip()
        found = [address.rstrip(".,;:!?*_") for address in _LINK.findall(text)]
    mentions = tuple(dict.fromkeys(_MENTION.findall(text)))
    profiles = {f"{SITE}/{name}" for name in mentions}
    kept = dict.fromkeys(url for link in found if (url := urls.safe(link)) and url != base and url not in profiles)
    return text, tuple(kept), mentions


def account(user: object) -> Account:
    """Read who it was; nobody means an account that was deleted."""
    name = _text(user.get("login")) if isinstance(user, Mapping) else None
    if name is None or not isinstance(user, Mapping):
        return Account(PLATFORM, GHOST, handle=GHOST, url=f"{SITE}/{GHOST}")
    kind = user.get("type") or user.get("__typename")
    is_bot = kind == "Bot" or name.endswith("[bot]")
    page = urls.safe(_text(user.get("html_url")) or _text(user.get("url")))
    url = page if page and page.startswith(f"{SITE}/") else urls.safe(f"{SITE}/{name.removesuffix('[bot]')}")
    return Account(
        PLATFORM, name, handle=name, name=_text(user.get("name")), url=url, is_bot=is_bot if is_bot or kind else None
    )


def images(markdown: object) -> tuple[Media, ...]:
    """List the pictures in a text."""
    if not isinstance(markdown, str):
        return ()
    found = [match.groupdict() for pattern in _IMAGES for match in pattern.finditer(markdown[:100_000])]
    media = {url: Media(url, alt=one.get("alt") or None) for one in found if (url := urls.safe(one["url"]))}
    return tuple(media.values())


def words(values: Sequence[object]) -> tuple[str, ...]:
    """Keep what is text, each once."""
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def when(value: object) -> datetime | None:
    """Read a time of the platform's."""
    if not isinstance(value, str):
        return None
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)


def _without_comments(source: str) -> str:
    """Leave out `<!-- -->`, which issue templates are full of."""
    first, *rest = source.split("<!--")
    return first + "".join(part.partition("-->")[2] if "-->" in part else f"<!--{part}" for part in rest)


def _place(url: str) -> tuple[str, int]:
    match = _PAGE.fullmatch(url)
    if match is None:
        raise ValueError("the address names no issue")
    return match[1], int(match[3])


def _counts(item: Item, comments: object) -> Counts:
    reactions = item.get("reactions")
    return Counts(
        replies=comments if type(comments) is int else None,
        likes=found if isinstance(reactions, Mapping) and type(found := reactions.get("+1")) is int else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
