"""S22: a model's file is hostile until proved otherwise. Nothing in it runs, nothing in it makes us allocate."""

import hashlib
import io
import json
import os
import pickle
import random
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from listener.errors import ModelError
from listener.types import LABELS
from models import artefact
from models.classifier import SHIPPED
from models.features import ROWS

MEMORY_BYTES = 90_000_000


class Canary:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="module")
def parts():
    """The members of the shipped file by name, the header read."""
    with zipfile.ZipFile(SHIPPED) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    return found | {"header.json": json.loads(found["header.json"])}


def seal(data: bytes) -> bytes:
    """Close a body as `write` does: whoever makes a hostile file can do so too."""
    return data + b"sha256:" + hashlib.sha256(data).hexdigest().encode()


def archive_of(members, method=zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = b"\0" * 71
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return seal(buffer.getvalue()[:-71])


def npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npy_claiming(shape: str, descr: str = "'<i2'") -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(100)


def with_header(parts, change) -> bytes:
    """Change the header and name it anew, so that only the change itself can be what is refused."""
    header = json.loads(json.dumps(parts["header.json"]))
    change(header)
    if "version" in header:
        numbers = {key: header.get(key) for key in artefact.numbers_of(artefact.read(SHIPPED))}
        header["version"] = artefact.version_of(parts, numbers)
    return having(parts, "header.json", json.dumps(header))


def having(parts, name=None, content=None, order=lambda members: members, **rest) -> bytes:
    """Make a file of which one member is another."""
    members = parts | {"header.json": json.dumps(parts["header.json"])} | ({name: content} if name else {})
    return archive_of(order(list(members.items())), **rest)


def renamed(parts, old, new) -> bytes:
    return having(parts, order=lambda members: [(new if name == old else name, content) for name, content in members])


def encrypted(parts) -> bytes:
    data = bytearray(having(parts)[:-71])
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        data[place + flags] |= 1
    return seal(bytes(data))


WEIGHTS = "weights.npy"
HOSTILE = {
    "a pickle": lambda parts, evil: evil,
    "a sealed pickle": lambda parts, evil: seal(evil),
    "a pickle as the header": lambda parts, evil: having(parts, "header.json", evil),
    "a pickle as the weights": lambda parts, evil: having(parts, WEIGHTS, evil),
    "an object array": lambda parts, evil: having(
        parts, WEIGHTS, npy(np.array([pickle.loads(b"N."), evil], dtype=object))
    ),
    "an object array of our shape": lambda parts, evil: having(
        parts, WEIGHTS, npy_claiming(str(artefact.SHAPE), "'|O'") + evil
    ),
    "a pickle as one member more": lambda parts, evil: having(parts, "evil.pkl", evil),
    "a pickle as the vectors": lambda parts, evil: having(parts, "vectors.npy", evil),
    "a pickle as the word pieces": lambda parts, evil: having(parts, "pieces.txt", evil),
    "meaning of another shape": lambda parts, evil: having(parts, "meaning.npy", npy(np.zeros((3, 512), np.int16))),
    "word pieces that inflate to 100 MB": lambda parts, evil: having(parts, "pieces.txt", bytes(100_000_000)),
    "vectors that inflate to 100 MB": lambda parts, evil: having(
        parts, "vectors.npy", parts["vectors.npy"] + bytes(100_000_000)
    ),
    "a piece too many": lambda parts, evil: having(parts, "pieces.txt", parts["pieces.txt"] + b"\nmore"),
    "a table of a trillion pieces": lambda parts, evil: with_header(parts, lambda h: h.update(pieces=10**12)),
    "a table of no pieces": lambda parts, evil: with_header(parts, lambda h: h.update(pieces=0)),
    "a table of half a piece": lambda parts, evil: with_header(parts, lambda h: h.update(pieces=0.5)),
    "other dimensions": lambda parts, evil: with_header(parts, lambda h: h.update(dimensions=3)),
    "a scale of the table that is no number": lambda parts, evil: having(
        parts, "scales.npy", parts["scales.npy"][:-4] + b"\0\0\xc0\x7f"
    ),
    "a header that inflates to 100 MB": lambda parts, evil: having(parts, "header.json", b" " * 100_000_000),
    "weights that inflate to 100 MB": lambda parts, evil: having(parts, WEIGHTS, parts[WEIGHTS] + bytes(100_000_000)),
    "wrong names": lambda parts, evil: renamed(parts, "header.json", "header.txt"),
    "a name that climbs": lambda parts, evil: renamed(parts, "header.json", "../header.json"),
    "no weights": lambda parts, evil: having(parts, order=lambda members: [m for m in members if m[0] != WEIGHTS]),
    "members in another order": lambda parts, evil: having(parts, order=lambda members: members[::-1]),
    "another shape": lambda parts, evil: having(parts, WEIGHTS, npy(np.zeros((ROWS, 4), np.int16))),
    "a turned shape": lambda parts, evil: having(parts, WEIGHTS, npy(np.zeros((3, ROWS), np.int16))),
    "another type": lambda parts, evil: having(parts, WEIGHTS, npy(np.zeros((ROWS, 3), np.float16))),
    "a shape of a trillion": lambda parts, evil: having(parts, WEIGHTS, npy_claiming("(1000000000000, 3)")),
    "code in the array's header": lambda parts, evil: having(
        parts, WEIGHTS, npy_claiming("(__import__('os').abort(), 3)")
    ),
    "too few weights": lambda parts, evil: having(parts, WEIGHTS, parts[WEIGHTS][:-1]),
    "too many weights": lambda parts, evil: having(parts, WEIGHTS, parts[WEIGHTS] + b"\0"),
    "other weights than the header says": lambda parts, evil: having(parts, WEIGHTS, parts[WEIGHTS][:-1] + b"\x7f"),
    "an LZMA member": lambda parts, evil: having(parts, method=zipfile.ZIP_LZMA),
    "a BZIP2 member": lambda parts, evil: having(parts, method=zipfile.ZIP_BZIP2),
    "an encrypted member": lambda parts, evil: encrypted(parts),
    "a bias that is no number": lambda parts, evil: with_header(parts, lambda h: h["bias"].update(lead=float("nan"))),
    "an infinite scale": lambda parts, evil: with_header(parts, lambda h: h["scales"][0].__setitem__(0, float("inf"))),
    "a bias past all bounds": lambda parts, evil: with_header(parts, lambda h: h["bias"].update(news=1e300)),
    "a threshold that is a text": lambda parts, evil: with_header(parts, lambda h: h["thresholds"].update(news="0.5")),
    "a calibration of three": lambda parts, evil: with_header(parts, lambda h: h["calibration"].update(lead=[1, 2, 3])),
    "scales of another shape": lambda parts, evil: with_header(parts, lambda h: h["scales"].pop()),
    "no thresholds": lambda parts, evil: with_header(parts, lambda h: h.pop("thresholds")),
    "another format": lambda parts, evil: with_header(parts, lambda h: h.update(format=2)),
    "other labels": lambda parts, evil: with_header(parts, lambda h: h.update(labels=["lead", "spam", "news"])),
    "other rows": lambda parts, evil: with_header(parts, lambda h: h.update(rows=1)),
    "numbers that its version does not name": lambda parts, evil: having(
        parts, "header.json", json.dumps({**parts["header.json"], "thresholds": dict.fromkeys(LABELS, 0.0)})
    ),
    "a header that is a list": lambda parts, evil: having(parts, "header.json", b"[]"),
    "a header that is no JSON": lambda parts, evil: having(parts, "header.json", b"{'format': 1}"),
    "a header nested 90,000 deep": lambda parts, evil: having(parts, "header.json", b"[" * 90_000),
    "a header with a number of 90,000 digits": lambda parts, evil: having(parts, "header.json", b"9" * 90_000),
    "a header that is no UTF-8": lambda parts, evil: having(parts, "header.json", b"\xff\xfe\xfa"),
    "a seal and nothing else": lambda parts, evil: seal(b""),
    "nothing": lambda parts, evil: b"",
    "the first half": lambda parts, evil: SHIPPED.read_bytes()[:200_000],
    "no seal": lambda parts, evil: SHIPPED.read_bytes()[:-71],
    "something in front": lambda parts, evil: b"#!/bin/sh\n" + SHIPPED.read_bytes(),
    "something behind": lambda parts, evil: SHIPPED.read_bytes() + b"\0",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_and_nothing_in_it_runs(kind, parts, tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "model.npz"
    path.write_bytes(HOSTILE[kind](parts, pickle.dumps(Canary(canary))))
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="not a classifier that this version can use"):
            artefact.read(path)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES
    finally:
        tracemalloc.stop()
    assert not canary.exists()


def test_the_canary_would_have_run(tmp_path):
    pickle.loads(pickle.dumps(Canary(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


def test_the_hostile_files_differ_from_a_good_one_only_by_what_is_wrong_with_them(parts, tmp_path):
    path = tmp_path / "model.npz"
    for good in (having(parts), with_header(parts, lambda header: None), having(parts, method=zipfile.ZIP_STORED)):
        path.write_bytes(good)
        assert artefact.read(path).version == parts["header.json"]["version"]


def test_any_flipped_bit_is_refused(tmp_path):
    data, path, chance = bytearray(SHIPPED.read_bytes()), tmp_path / "model.npz", random.Random(22)
    for _ in range(500):
        bit = chance.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with pytest.raises(ModelError, match="checksum"):
            artefact.read(path)
        data[bit // 8] ^= 1 << bit % 8


def test_a_bit_flipped_under_a_new_seal_is_refused_or_changes_nothing(parts, tmp_path):
    data, path, chance = bytearray(SHIPPED.read_bytes()[:-71]), tmp_path / "model.npz", random.Random(23)
    directory = 8 * data.rindex(b"PK\x01\x02", 0, len(data) - 60)
    # Half of them in the zip's own headers, where parsers break.
    bits = [chance.randrange(8 * len(data)) for _ in range(10)] + chance.sample(range(8 * 30), 60)
    bits += [directory + chance.randrange(8 * len(data) - directory) for _ in range(40)]
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(seal(bytes(data)))
        try:
            found = artefact.read(path)
        except ModelError:
            pass
        else:
            assert (found.version, found.about) == (parts["header.json"]["version"], parts["header.json"]["about"])
        data[bit // 8] ^= 1 << bit % 8


def test_a_file_too_large_is_refused_and_no_more_of_it_read_than_the_limit(tmp_path):
    path = tmp_path / "model.npz"
    with path.open("wb") as file:
        file.truncate(10_000_000_000)
    with pytest.raises(ModelError, match="larger than 20,000,000 bytes"):
        artefact.read(path)


@pytest.mark.skipif(not Path("/dev/zero").is_char_device(), reason="needs a /dev/zero, which this system lacks")
def test_a_device_without_an_end_is_refused():
    with pytest.raises(ModelError, match="larger than 20,000,000 bytes"):
        artefact.read(Path("/dev/zero"))


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.npz: .* missing; install listener again, or .*models\.train"):
        artefact.read(tmp_path / "nowhere.npz")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="not a classifier"):
        artefact.read(tmp_path)


def test_a_refusal_says_what_to_do_and_no_more_than_a_line_of_what_it_found(parts, tmp_path):
    path = tmp_path / "model.npz"
    path.write_bytes(with_header(parts, lambda header: header.update(labels=["x" * 10_000])))
    with pytest.raises(ModelError, match=r"its labels is .* install listener again") as caught:
        artefact.read(path)
    assert len(str(caught.value)) < 500


def test_writing_and_reading_gives_the_same_model_and_the_same_bytes(tmp_path):
    model = artefact.read(SHIPPED)
    artefact.write(model, tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == SHIPPED.read_bytes()


def test_other_numbers_make_another_version(tmp_path):
    model = artefact.read(SHIPPED)
    artefact.write(replace(model, bias={**model.bias, "lead": model.bias["lead"] + 1e-6}), tmp_path / "other.npz")
    assert artefact.read(tmp_path / "other.npz").version != model.version


def test_numpy_opens_the_same_file():
    with np.load(SHIPPED, allow_pickle=False) as opened:
        assert (opened["weights"] == artefact.read(SHIPPED).weights).all()


def test_the_weights_cannot_be_changed_after_reading():
    with pytest.raises(ValueError, match="read-only"):
        artefact.read(SHIPPED).weights[0, 0] = 1
