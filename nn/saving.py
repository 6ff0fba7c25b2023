"""Saved models: safetensors files, written whole or not at all, and checked before they are used.

The format holds names, dtypes, shapes and numbers, so that reading a file runs nothing that is in
it. It does not notice a number that changed on the disk; a digest in its metadata does.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optim.files import write

from .module import Module
from .state import LeftOver

__all__ = ["load", "save"]

DIGEST = "sha256"
#: The format that checkpoints of a training name in their metadata.
CHECKPOINT = "autograd_core training checkpoint"
#: What files of other kinds begin with, which people take for saved models.
FOREIGN = {
    b"PK\x03\x04": "a zip archive, such as PyTorch and numpy.savez write",
    b"\x80": "a pickle",
    b"\x93NUMPY": "an array of NumPy's",
    b"\x89HDF": "an HDF5 file, such as Keras writes",
}


def save(model: Module, path: str | os.PathLike[str]) -> None:
    """Write the parameters and buffers of a model to a safetensors file, a shared one once.

    The file is written beside its place and put there in one step when it is safe on the disk:
    whatever happens meanwhile, there is the old file or the new one. Any program that reads
    safetensors can read it.

    Raises:
        FileNotFoundError: no such folder.
        TypeError: a dtype that the format has not (complex128 and long doubles).
        ImportError: no safetensors.

    >>> import nn, tempfile
    >>> one, two = nn.Linear(2, 3), nn.Linear(2, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     nn.save(one, f"{folder}/model.safetensors")
    ...     _ = nn.load(two, f"{folder}/model.safetensors")
    >>> np.array_equal(one.weight.data, two.weight.data)
    True
    """
    _module(model, "save")
    safetensors = _safetensors()
    # In the machine's byte order, as they are read again.
    state = {
        name: np.asarray(value, value.dtype.newbyteorder("="), order="C")
        for name, value in model.state_dict().items()
    }
    metadata = {"model": type(model).__name__, DIGEST: _digest(state)}
    try:
        content = safetensors.numpy.save(state, metadata)
    except (safetensors.SafetensorError, KeyError) as error:
        dtypes = sorted({str(value.dtype) for value in state.values()})
        raise TypeError(
            f"cannot save to {path}: safetensors has no place for one of the dtypes "
            f"{', '.join(dtypes)}; convert the model, for instance with astype"
        ) from error
    write(path, content)


def load(model: Module, path: str | os.PathLike[str], strict: bool = True) -> LeftOver:
    """Take over what ``save`` wrote: all of it or, with an error, nothing.

    Values keep the model's dtypes. ``strict=False`` lets names be missing in the file or unknown
    to the model, and returns them, as `Module.load_state_dict` does.

    Raises:
        ValueError: a file that is none of this kind, is cut short or damaged, or does not fit the
            model; it says which file, and what is wrong.
        FileNotFoundError: no such file.
        ImportError: no safetensors.
    """
    _module(model, "load")
    state = _read(path)
    try:
        return model.load_state_dict(state, strict=strict)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _read(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays in a file, or say what is wrong with it."""
    safetensors = _safetensors()
    name, place = os.fspath(path), Path(path)
    if place.is_dir():
        raise IsADirectoryError(f"cannot load {name}: it is a folder; name the file in it")
    if not place.exists():
        raise FileNotFoundError(f"cannot load {name}: there is no such file")
    try:
        with safetensors.safe_open(place, framework="numpy") as file:
            metadata = file.metadata() or {}
            state = {key: np.array(file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
    # What NumPy has no dtype for (bfloat16, float8) is an AttributeError or a TypeError.
    except (safetensors.SafetensorError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{name}: {_diagnosis(place, error)}; nothing was loaded") from error
    if metadata.get("format") == CHECKPOINT:
        raise ValueError(
            f"{name}: no saved model, but a checkpoint of optim.fit, which goes on from it when it "
            "is given as checkpoint=; nothing was loaded"
        )
    if DIGEST in metadata and metadata[DIGEST] != _digest(state):
        raise ValueError(
            f"{name}: damaged: its numbers or names are not those that were saved (the digest "
            "differs); nothing was loaded"
        )
    return state


def _diagnosis(place: Path, error: Exception) -> str:
    """Say in plain words why a file cannot be read as safetensors."""
    size = place.stat().st_size
    with place.open("rb") as file:
        start = file.read(16)
        length = int.from_bytes(start[:8], "little")  # of a header in JSON; the numbers follow
        file.seek(8)
        header = file.read(min(length, size))
    if not size:
        return "the file is empty"
    for sign, kind in FOREIGN.items():
        # A header's length may look like a sign, and a header begins with a brace.
        if start.startswith(sign) and start[8:9] != b"{":
            return f"not a safetensors file, but {kind}"
    if size <= 8 or (start[8:9] == b"{" and size < 8 + length):
        return f"cut short: {size} bytes are not even the whole header"
    if start[8:9] != b"{":
        return "not a safetensors file"
    try:
        parts = json.loads(header)
        ends = [part["data_offsets"][1] for key, part in parts.items() if key != "__metadata__"]
        whole = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return f"damaged: {error}"
    if size < whole:
        return f"cut short: {size} bytes of {whole}"
    return f"damaged, or with numbers of a kind that NumPy has not: {error}"


def _digest(state: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        digest.update(f"{name} {value.dtype.newbyteorder('<').str} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _module(model: Any, who: str) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"{who}: the first argument is a module, not {type(model).__name__}")


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "saved models are safetensors files, and safetensors is not installed: "
            "pip install 'autograd-core[train]'"
        ) from error
    return safetensors
