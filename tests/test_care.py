"""Copies of the store: what must never be written over, and what is kept when one comes back."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from listener.errors import StoreError
from listener.store import PostQuery
from listener.store.care import restore
from listener.store.sqlite import SqliteStore
from tests.stored import NOW, draft, feed, kept, post


def filled(path: Path, *texts: str) -> None:
    with closing(SqliteStore.open(path)) as store:
        added = store.add_feed(feed(), NOW)
        kept(store, added, *(draft(post(text, text)) for text in texts))


def texts(path: Path) -> set[str]:
    with closing(SqliteStore.open(path, create=False)) as store:
        return {found.post.text for found in store.posts(PostQuery())}


@pytest.mark.parametrize("name", ["a.db", "a.db-wal", "a.db-shm", "a.db-journal", "a.db.lock", "other/../a.db"])
def test_a_backup_never_goes_onto_the_store_or_a_file_of_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.db"
    (tmp_path / "other").mkdir()
    filled(path, "dew")
    with closing(SqliteStore.open(path)) as store:
        with pytest.raises(StoreError, match="is the store itself"):
            store.backup(tmp_path / name)
        store.set_meta("still", "here")
    with closing(SqliteStore.open(path)) as store:
        assert store.get_meta("still") == "here"
    assert texts(path) == {"dew"}


def test_a_backup_never_goes_onto_another_name_of_the_store(tmp_path: Path) -> None:
    path, linked, hard = tmp_path / "a.db", tmp_path / "linked.db", tmp_path / "hard.db"
    filled(path, "dew")
    linked.symlink_to(path)
    os.link(path, hard)
    with closing(SqliteStore.open(path)) as store:
        for name in (linked, hard, tmp_path / "linked.db"):
            with pytest.raises(StoreError, match="is the store itself"):
                store.backup(name)
    assert linked.is_symlink()
    assert hard.samefile(path)
    with closing(SqliteStore.open(linked)) as store, pytest.raises(StoreError, match="is the store itself"):
        store.backup(path)
    with closing(SqliteStore.open(linked)) as store, pytest.raises(StoreError, match="is the store itself"):
        store.backup(tmp_path / "a.db-wal")
    assert texts(path) == {"dew"}


def test_every_restore_keeps_the_store_that_was_there(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    filled(copy, "in the copy")
    assert restore(copy, path) is None
    path.unlink()
    asides = []
    for number in range(3):
        path.unlink(missing_ok=True)
        filled(path, f"old {number}")
        aside = restore(copy, path)
        assert aside is not None
        asides.append(aside)
    assert [aside.name for aside in asides] == [f"a.db.before-restore{end}" for end in ("", "-2", "-3")]
    assert [texts(aside) for aside in asides] == [{f"old {number}"} for number in range(3)]
    assert texts(path) == {"in the copy"}


def test_a_damaged_backup_is_named_as_the_damaged_one(tmp_path: Path) -> None:
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    filled(path, "dew")
    copy.write_bytes(b"scrambled " * 999)
    with pytest.raises(StoreError, match=r"copy\.db: the file is damaged .*this is the backup.*take another copy"):
        restore(copy, path)
    assert texts(path) == {"dew"}
