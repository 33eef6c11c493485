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
from models.features import BLOCKS, ROWS

FORMAT: Final = 1
FILE_BYTES: Final = 8_000_000
HEADER_BYTES: Final = 200_000
SHAPE: Final = (ROWS, len(LABELS))
SEAL: Final = b"sha256:"
SEAL_BYTES: Final = len(SEAL) + 64
_MEMBERS: Final = ["header.json", "weights.npy"]
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

    weights: (features.ROWS, len(LABELS)), int8
    scales: (len(BLOCKS), len(LABELS)), float64: what 1 in the weights of a block is for a label
    """

    weights: npt.NDArray[np.int8] = field(repr=False)
    scales: npt.NDArray[np.float64]
    bias: Mapping[Label, float]
    calibration: Mapping[Label, tuple[float, float]]
    """Slope and offset (Platt): probability = sigmoid(slope × logit + offset)."""
    thresholds: Mapping[Label, float]
    version: str
    """Names the weights and all that turns them into scores."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What it was trained on and its measured figures; JSON values, hence Any."""


def version_of(weights: npt.NDArray[np.int8], numbers: Mapping[str, Any]) -> str:
    """Name a model after its content: format number and a hash over weights and every number of the header."""
    digest = hashlib.sha256(weights.tobytes() + json.dumps(numbers, sort_keys=True).encode())
    return f"{FORMAT}-{digest.hexdigest()[:10]}"


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
    numbers = numbers_of(model)
    header = {
        "format": FORMAT,
        "version": version_of(model.weights, numbers),
        "labels": list(LABELS),
        "blocks": list(BLOCKS),
        "rows": ROWS,
        "weights_sha256": hashlib.sha256(model.weights.tobytes()).hexdigest(),
        **numbers,
        "about": model.about,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.comment = b"\0" * SEAL_BYTES
        contents = (
            json.dumps(header, indent=1).encode(),
            _npy_head(np.dtype(np.int8), SHAPE) + model.weights.tobytes(),
        )
        for name, content in zip(_MEMBERS, contents, strict=True):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)
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
        header, weights = _open(data)
        return _checked(header, weights)
    except FileNotFoundError:
        raise ModelError(f"{path}: the classifier's file is missing; {_REMEDY}") from None
    except _BROKEN as error:
        raise ModelError(f"{path}: not a classifier that this version can use ({error}); {_REMEDY}") from error


def _seal(data: bytes) -> bytes:
    return SEAL + hashlib.sha256(data).hexdigest().encode()


def _npy_head(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    described = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()


def _open(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Check the seal, then take the two members out, never more bytes than we would have written."""
    body, seal = data[:-SEAL_BYTES], data[-SEAL_BYTES:]
    if seal != _seal(body):
        raise ValueError("its checksum is wrong: the file is damaged or was changed")
    head = _npy_head(np.dtype(np.int8), SHAPE)
    most = (HEADER_BYTES, len(head) + ROWS * len(LABELS))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if archive.namelist() != _MEMBERS:
            raise ValueError(f"it should hold {' and '.join(_MEMBERS)}, and nothing else")
        contents = [_member(archive, *pair) for pair in zip(_MEMBERS, most, strict=True)]
    # Compared, not parsed: no object array, other type or other shape can come in by the array's own header.
    if not contents[1].startswith(head) or len(contents[1]) != most[1]:
        raise ValueError(f"its weights are not {SHAPE[0]} × {SHAPE[1]} numbers of type int8")
    return json.loads(contents[0]), contents[1][len(head) :]


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    # Other methods (LZMA) allocate what a header asks for.
    if archive.getinfo(name).compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(f"{name} is compressed in a way that we do not read")
    with archive.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} inflates to more than {most:,} bytes")
    return content


def _checked(header: dict[str, Any], data: bytes) -> Model:
    expected = {"format": FORMAT, "labels": list(LABELS), "blocks": list(BLOCKS), "rows": ROWS}
    for key, value in expected.items():
        if header[key] != value:
            raise ValueError(f"its {key} is {str(header[key])[:60]}, this version reads {value}")
    if hashlib.sha256(data).hexdigest() != header["weights_sha256"]:
        raise ValueError("its weights do not match its header")
    weights = np.frombuffer(data, np.int8).reshape(SHAPE)
    model = Model(
        weights=weights,
        scales=np.array([[_finite(value) for value in row] for row in header["scales"]]).reshape(
            len(BLOCKS), len(LABELS)
        ),
        bias={label: _finite(header["bias"][label]) for label in LABELS},
        calibration={label: _pair(header["calibration"][label]) for label in LABELS},
        thresholds={label: _finite(header["thresholds"][label]) for label in LABELS},
        version=str(header["version"]),
        about=dict(header["about"]),
    )
    if model.version != version_of(weights, numbers_of(model)):
        raise ValueError("its version does not match its numbers")
    return model


def _finite(value: object) -> float:
    """Bounded, so that no sum of ours overflows."""
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 1e6:
        raise ValueError("its header holds a number that is none, or too large")
    return float(value)


def _pair(values: object) -> tuple[float, float]:
    if not isinstance(values, list) or len(values) != 2:
        raise ValueError("its calibration is not two numbers")
    return _finite(values[0]), _finite(values[1])
