"""Trees of queries for property tests: parts that mean something in `query_world`, put together in every way."""

from hypothesis import strategies as st

from listener import terms
from listener.query import Query, parse

PARTS = (
    "postgres", "backup", "hir*", "invoice", '"for a"', '"postgres backup"', "cafe", "example.com", "in:title hire",
    "in:text price*", 'in:title "looking for"', "label:lead", "label:(lead question)",
    "is:news", "p(lead)>0.5", "p(news)<0.1",
    "platform:blog", "platform:(forum chat)", "feed:1", 'feed:"site 2"', "from:handle1", 'from:"anna 2"', "person:me",
    'person:"anna bell"', "circle:customers", "circle:press", "goal:hire", "lang:en", "has:link",
    "has:question", "has:reply",
    "is:unseen", "is:open", "is:answered", "is:mine", "is:starred", "domain:example.com", "tag:launch", "likes:>10",
    "replies:0", "after:2026-11-20", "before:2026-11-21T10:00", "within:24h", "within:9d",
)  # fmt: skip


def trees() -> st.SearchStrategy[Query]:
    """Every kind of tree that a text can become."""
    leaf = st.sampled_from(PARTS).map(parse)

    def larger(inner: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
        some = st.lists(inner, min_size=2, max_size=4)
        return st.one_of(some.map(terms.all_of), some.map(terms.any_of), inner.map(terms.Not))

    return st.recursive(leaf, larger, max_leaves=8)
