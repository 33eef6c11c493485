"""The model's file: one .npz of numbers and a JSON header, closed by a SHA-256 of all that stands before it.

A file is hostile until proved otherwise (S22), so nothing here can run code or be made to allocate: every
reading has an end, member names, types and shapes must be exactly those we write, and no pickle is ever read.
`numpy.load(path, allow_pickle=False)` opens the same file, for whoever wants to look inside.
"""

import hashlib
import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from listener.errors import ModelError
from listener.types import LABELS, Label
from models.embedding import DIMENSIONS, Table
from models.features import BLOCKS, ROWS

FORMAT: Final = 3
FILE_BYTES: Final = 20_000_000
HEADER_BYTES: Final = 200_000
SHAPE: Final = (ROWS, len(LABELS))
PIECES: Final = 40_000
"""A table holds at most so many word pieces."""
PIECE_BYTES: Final = 16
"""What a piece may take as text, on average."""
SEAL: Final = b"sha256:"
SEAL_BYTES: Final = len(SEAL) + 64
STORED: Final = ("weights.npy", "vectors.npy")
"""Written as they are: packing saves a seventh of them, and unpacking takes longer than all else in loading."""
_MEMBERS: Final = ["header.json", "weights.npy", "meaning.npy", "pieces.txt", "vectors.npy", "scales.npy"]
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,  # encrypted members; RecursionError from nested JSON
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
)
# As the file is sealed by itself, an older one is only told from a damaged one by its format number.
_REMEDY: Final = "install listener again, or make the file anew with `python -m models.train`"


@dataclass(frozen=True, slots=True)
class Model:
    """Three calibrated linear models over one table of weights.

    weights: (features.ROWS, len(LABELS)), int16
    meaning: (2 × DIMENSIONS, len(LABELS)), int16: for the direction of the text, then of its head
    scales: (len(BLOCKS) + 1, len(LABELS)), float64: what 1 in the weights of a block, last in `meaning`, is for a label
    """

    weights: npt.NDArray[np.int16] = field(repr=False)
    meaning: npt.NDArray[np.int16] = field(repr=False)
    scales: npt.NDArray[np.float64]
    bias: Mapping[Label, float]
    calibration: Mapping[Label, tuple[float, float]]
    """Slope and offset (Platt): probability = sigmoid(slope × logit + offset)."""
    thresholds: Mapping[Label, float]
    version: str
    """Names the weights and all that turns them into scores."""
    table: Table
    """The vectors behind `embed`."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained on and its measured figures; JSON values, hence Any."""


def version_of(contents: Mapping[str, bytes], numbers: Mapping[str, Any]) -> str:
    """Name a model after its content: format number and a hash over all arrays and every number of the header."""
    digest = hashlib.sha256(json.dumps(numbers, sort_keys=True).encode())
    for name in _MEMBERS[1:]:
        digest.update(hashlib.sha256(contents[name]).digest())
    return f"{FORMAT}-{digest.hexdigest()[:10]}"


def shapes_of(pieces: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Give type and shape of every array in the file, for a table of so many pieces."""
    return {
        "weights.npy": (np.dtype("<i2"), SHAPE),
        "meaning.npy": (np.dtype("<i2"), (2 * DIMENSIONS, len(LABELS))),
        "vectors.npy": (np.dtype(np.int8), (pieces, DIMENSIONS)),
        "scales.npy": (np.dtype("<f4"), (pieces,)),
    }


def contents_of(model: Model) -> dict[str, bytes]:
    """Give the members of the file, without the header."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "weights.npy": model.weights,
        "meaning.npy": model.meaning,
        "vectors.npy": model.table.vectors,
        "scales.npy": model.table.scales,
    }
    contents = {"pieces.txt": "\n".join(model.table.pieces).encode()}
    for name, (dtype, shape) in shapes_of(len(model.table.pieces)).items():
        contents[name] = _npy_head(dtype, shape) + arrays[name].astype(dtype).reshape(shape).tobytes()
    return contents


def numbers_of(model: Model) -> dict[str, Any]:
    """List what turns features into scores, as the header holds it."""
    return {
        "scales": [[float(value) for value in row] for row in model.scales],
        "bias": dict(model.bias),
        "calibration": {label: list(pair) for label, pair in model.calibration.items()},
        "thresholds": dict(model.thresholds),
    }


def write(model: Model, path: Path) -> None:
    """Write the model; the same model makes the same bytes."""
    numbers, contents = numbers_of(model), contents_of(model)
    header = {
        "format": FORMAT,
        "version": version_of(contents, numbers),
        "labels": list(LABELS),
        "blocks": list(BLOCKS),
        "rows": ROWS,
        "dimensions": DIMENSIONS,
        "pieces": len(model.table.pieces),
        **numbers,
        "about": model.about,
    }
    contents["header.json"] = json.dumps(header, indent=1).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.comment = b"\0" * SEAL_BYTES
        for name in _MEMBERS:
            method = zipfile.ZIP_STORED if name in STORED else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), contents[name], method, 9)
    data = buffer.getvalue()[:-SEAL_BYTES]
    path.write_bytes(data + _seal(data))


def read(path: Path) -> Model:
    """Read and check a model's file.

    Raises ModelError if the file is missing, damaged, of another format, or not what `write` makes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)  # a device's size is 0, so what counts is what comes
        if len(data) > FILE_BYTES:
            raise ValueError(f"it is larger than {FILE_BYTES:,} bytes")
        return _checked(*_open(data))
    except FileNotFoundError:
        raise ModelError(f"{path}: the classifier's file is missing; {_REMEDY}") from None
    except _BROKEN as error:
        raise ModelError(f"{path}: not a classifier that this version can use ({error}); {_REMEDY}") from error


def _seal(data: bytes | memoryview) -> bytes:
    return SEAL + hashlib.sha256(data).hexdigest().encode()


def _npy_head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    described = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()


def _open(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Check the seal, then take the members out, never more bytes than we would have written."""
    body, seal = memoryview(data)[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if seal != _seal(body):
        raise ValueError("its checksum is wrong: the file is damaged or was changed")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if archive.namelist() != _MEMBERS:
            raise ValueError(f"it should hold {', '.join(_MEMBERS)}, and nothing else")
        header = json.loads(_member(archive, _MEMBERS[0], HEADER_BYTES))
        _check_shape(header)
        contents = {"pieces.txt": _member(archive, "pieces.txt", header["pieces"] * PIECE_BYTES)}
        for name, (dtype, shape) in shapes_of(header["pieces"]).items():
            contents[name] = _array(archive, name, dtype, shape)
    return header, contents


def _check_shape(header: dict[str, Any]) -> None:
    expected = {
        "format": FORMAT,
        "labels": list(LABELS),
        "blocks": list(BLOCKS),
        "rows": ROWS,
        "dimensions": DIMENSIONS,
    }
    for key, value in expected.items():
        if header[key] != value:
            raise ValueError(f"its {key} is {str(header[key])[:60]}, this version reads {value}")
    if type(header["pieces"]) is not int or not 0 < header["pieces"] <= PIECES:
        raise ValueError(f"its pieces are not a number from 1 to {PIECES:,}")


def _array(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    head = _npy_head(dtype, shape)
    size = len(head) + math.prod(shape) * dtype.itemsize
    content = _member(archive, name, size)
    # Compared, not parsed: no object array, other type or other shape can come in by the array's own header.
    if not content.startswith(head) or len(content) != size:
        raise ValueError(f"{name} is not {' × '.join(map(str, shape))} numbers of type {dtype}")
    return content


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    # Other methods (LZMA) allocate what a header asks for.
    if archive.getinfo(name).compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(f"{name} is compressed in a way that we do not read")
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} inflates to more than {most:,} bytes")
    return content


def _checked(header: dict[str, Any], contents: dict[str, bytes]) -> Model:
    arrays = {
        name: np.frombuffer(contents[name], dtype, offset=len(_npy_head(dtype, shape))).reshape(shape)
        for name, (dtype, shape) in shapes_of(header["pieces"]).items()
    }
    model = Model(
        weights=arrays["weights.npy"],
        meaning=arrays["meaning.npy"],
        scales=np.array([[_finite(value) for value in row] for row in header["scales"]]).reshape(
            len(BLOCKS) + 1, len(LABELS)
        ),
        bias={label: _finite(header["bias"][label]) for label in LABELS},
        calibration={label: _pair(header["calibration"][label]) for label in LABELS},
        thresholds={label: _finite(header["thresholds"][label]) for label in LABELS},
        version=str(header["version"]),
        table=_table(contents["pieces.txt"].decode(), arrays["vectors.npy"], arrays["scales.npy"]),
        about=dict(header["about"]),
    )
    if model.version != version_of(contents, numbers_of(model)):
        raise ValueError("its version does not match its numbers")
    return model


def _table(pieces: str, vectors: npt.NDArray[np.int8], scales: npt.NDArray[np.float32]) -> Table:
    names = tuple(pieces.split("\n"))
    if len(names) != len(vectors) or not (np.abs(scales) < 100).all():
        raise ValueError("its table of word pieces is out of bounds")
    return Table(names, vectors, scales)


def _finite(value: object) -> float:
    """Bounded, so that no sum of ours overflows."""
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e6:
        raise ValueError("its header holds a number that is none, or too large")
    return float(value)


def _pair(values: object) -> tuple[float, float]:
    if not isinstance(values, list) or len(values) != 2:
        raise ValueError("its calibration is not two numbers")
    return _finite(values[0]), _finite(values[1])
