"""Mail and news: protocols of their own, tested in `tests/test_mail.py` over every recording."""

from tests.cases import Case

NOT_HTTP = True
CASES: list[Case] = []
SPOILT: dict[str, Case] = {}
QUERIES = ("imap:INBOX", "nntp://news.example.org/comp.test", "mbox:box")
SETTINGS = {"host": "imap.example.org", "news_host": "news.example.org"}
WITHOUT_LINK = True
NOT_READ = {
    "mail/pipermail_pipermail_index.html": "a page of links to files, which people download themselves",
    "mail/*.mbox": "files, read in test_mail.py",
    "mail/nntp_*.txt": "articles, read in test_mail.py",
}
