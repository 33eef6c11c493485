"""News wrappers and alert mails lead to the page itself, so that what they bring is one story with it."""

import tomllib
from pathlib import Path
from urllib.parse import quote

import pytest

from listener import urls
from listener.types import Post

RULES = urls.rules(tomllib.loads((Path(__file__).parents[1] / "connectors/links.toml").read_text()))
PAGE = "https://paper.example/2026/karlow-bridge?id=7"
WRAPPED = [
    f"https://www.google.com/url?rct=j&sa=t&url={quote(PAGE, safe='')}&ct=ga&cd=CAEY&usg=AOv",
    f"https://www.google.de/url?q={quote(PAGE, safe='')}",
    f"https://news.google.com/news/url?sa=t&url={quote(PAGE, safe='')}",
    f"https://scholar.google.com/scholar_url?url={quote(PAGE, safe='')}&hl=en&sa=X",
    f"https://www.bing.com/news/apiclick.aspx?ref=FexRss&aid=&url={quote(PAGE, safe='')}&c=1",
    f"https://www.bing.com/news/redirect.aspx?url={quote(PAGE, safe='')}",
    f"https://go.bsky.app/redirect?u={quote(PAGE, safe='')}",
    f"https://l.facebook.com/l.php?u={quote(PAGE, safe='')}&h=AT0",
    f"https://t.me/iv?url={quote(PAGE, safe='')}&rhash=1",
    f"https://eur01.safelinks.protection.outlook.com/?url={quote(PAGE, safe='')}&data=05",
    f"https://www.google.com/url?url={quote('https://l.facebook.com/l.php?u=' + quote(PAGE, safe=''), safe='')}",
]


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_a_wrapped_link_names_the_page(wrapped):
    assert urls.canonical(wrapped, RULES) == PAGE


def test_an_alert_is_one_story_with_the_article_and_not_with_every_other_alert():
    alert = Post(
        "alerts", "1", WRAPPED[0], title="Barge hits bridge", text="A barge hit the bridge.",
        links=("https://www.google.com/alerts/feedback?ffu=1", "https://www.google.com/alerts/share?hl=en&ru=1"),
    )  # fmt: skip
    assert urls.story_link(alert, RULES) == PAGE
