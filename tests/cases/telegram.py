"""Telegram: a bot's updates."""

from tests.cases import Case

TOKEN = "123456:any-token"
SETTINGS = {"token": TOKEN}
WITHOUT_LINK = True  # small groups have no addresses


def asked(file: str, posts: int) -> Case:
    return Case("telegram", "updates", {f"/bot{TOKEN}/getUpdates": f"telegram/{file}.json"}, posts=posts)


CASES = [asked("telegram_messages", 3), asked("telegram_messages_empty", 0)]
SPOILT = {"telegram": CASES[0]}
QUERIES = ("updates",)
NOT_READ = {"telegram/channel_preview_page.html": "a web page; we ask the interface for bots"}
