"""Checkpoints: all that training depends on, in one safetensors file.

Arrays are the file's tensors, by paths that say what they are (``model.layers.0.weight``); the
rest is JSON in its metadata. Reading runs nothing that is in the file, and a digest finds what
changed on the disk.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import write

__all__ = ["load_state", "pack", "save_state", "unpack"]

FORMAT, VERSION = "autograd_core training checkpoint", 1
_RARE = {"complex128": "float64", "complex64": "float32"}


def save_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write plain data and arrays to a file, which appears whole or not at all.

    Raises:
        TypeError: what is neither plain data nor an array that the format has a place for.
        OSError: a file that cannot be written.
        ImportError: no safetensors.
    """
    arrays, text = pack(state)
    metadata = {"format": FORMAT, "version": str(VERSION), "state": text}
    metadata["sha256"] = _digest(arrays, text)
    write(path, _safetensors().numpy.save(arrays, metadata))


def load_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what ``save_state`` wrote, or say in a ``ValueError`` what is wrong with the file."""
    library = _safetensors()
    try:
        # Read whole, so that what is checked is what is used, whatever happens to the file.
        content = Path(path).read_bytes()
        arrays, metadata = library.numpy.load(content), _metadata(content)
    except (library.SafetensorError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise ValueError(f"{os.fspath(path)}: {_diagnosis(content)}; nothing was loaded") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"{os.fspath(path)}: a safetensors file, but no checkpoint of fit (a model that was "
            f"saved is read by nn.load); nothing was loaded"
        )
    if metadata.get("version") != str(VERSION):
        raise ValueError(
            f"{os.fspath(path)}: a checkpoint of version {metadata.get('version')}, and this "
            f"library reads version {VERSION}; nothing was loaded"
        )
    text = metadata.get("state", "")
    if metadata.get("sha256") != _digest(arrays, text):
        raise ValueError(
            f"{os.fspath(path)}: damaged, what is in it is not what was saved (the digest "
            f"differs); nothing was loaded"
        )
    state: dict[str, Any] = unpack(arrays, text)
    return state


# -- plain data and arrays, as JSON and arrays -----------------------------------------------------


def pack(state: Any) -> tuple[dict[str, NDArray[Any]], str]:
    """Part a tree of dicts, lists, numbers, words and arrays into named arrays and JSON.

    >>> arrays, text = pack({"lr": 0.1, "moments": [np.zeros(2)]})
    >>> arrays, text
    ({'moments.0': array([0., 0.])}, '{"lr": 0.1, "moments": [{"$array": "moments.0"}]}')
    """
    arrays: dict[str, NDArray[Any]] = {}
    return arrays, json.dumps(_encode(state, "", arrays), allow_nan=False, ensure_ascii=False)


def unpack(arrays: Mapping[str, NDArray[Any]], text: str) -> Any:
    """Put together what ``pack`` parted."""
    return _decode(json.loads(text), arrays)


def _encode(value: Any, path: str, arrays: dict[str, NDArray[Any]]) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        value = value.item()
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, (list, tuple)):
        items = [_encode(item, _join(path, i), arrays) for i, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: _encode(item, _join(path, key), arrays) for key, item in value.items()}
        pairs = [list(pair) for pair in value.items()]
        return {"$dict": _encode(pairs, path, arrays)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return {"$array": _store(value, path, arrays), **_kind(value)}
    raise TypeError(
        f"a checkpoint has no place for {path or 'this'}, of type {type(value).__name__}"
        + (f" and dtype {value.dtype}" if hasattr(value, "dtype") else "")
        + ": it takes numbers, words, None, lists, dicts and arrays of numbers"
    )


def _store(value: NDArray[Any], path: str, arrays: dict[str, NDArray[Any]]) -> str:
    if value.dtype.itemsize > 8 and value.dtype.name not in _RARE:
        raise TypeError(f"a checkpoint has no place for {path}, of dtype {value.dtype}")
    name = path
    while name in arrays:
        name += "'"
    real = _RARE.get(value.dtype.name)
    # Little-endian, as the format wants it; complex numbers as pairs, for it has none.
    plain = np.array(value, value.dtype.newbyteorder("<"), order="C")
    arrays[name] = plain if real is None else plain[..., None].view(real)
    return name


def _kind(value: NDArray[Any]) -> dict[str, str]:
    return {"dtype": value.dtype.name} if value.dtype.name in _RARE else {}


def _decode(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        # A copy that nobody shares and that can be written.
        array = np.array(arrays[value["$array"]])
        return array.view(value["dtype"])[..., 0] if "dtype" in value else array
    if "$float" in value:
        return float(value["$float"])
    if "$tuple" in value:
        return tuple(_decode(item, arrays) for item in value["$tuple"])
    if "$dict" in value:
        return dict(_decode(value["$dict"], arrays))
    return {key: _decode(item, arrays) for key, item in value.items()}


# -- the file --------------------------------------------------------------------------------------


def _digest(arrays: Mapping[str, NDArray[Any]], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _metadata(content: bytes) -> dict[str, str]:
    """The words in the header: eight bytes of its length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    found = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return {str(key): str(value) for key, value in found.items()}


def _diagnosis(content: bytes) -> str:
    """Say in plain words why a file is not safetensors."""
    known: list[tuple[Callable[[bytes], bool], str]] = [
        (lambda c: not c, "the file is empty"),
        (lambda c: c.startswith(b"PK\x03\x04"), "no checkpoint of fit, but a zip archive"),
        (lambda c: c.startswith(b"\x93NUMPY"), "no checkpoint of fit, but an array of NumPy's"),
        (lambda c: c[8:9] != b"{", "no checkpoint of fit, for it is no safetensors file"),
        (lambda c: len(c) < _expected(c), f"cut short, after {len(content)} bytes"),
    ]
    return next((what for test, what in known if test(content)), "damaged")


def _expected(content: bytes) -> int:
    """The length that a file should have by its header; at least that of the header."""
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        ends = [each["data_offsets"][1] for name, each in header.items() if name != "__metadata__"]
        return int(8 + length + max(ends, default=0))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return 8 + length


def _join(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "fit writes checkpoints as safetensors files, and safetensors is not installed: "
            "`pip install 'autograd-core[train]'`"
        ) from error
    return safetensors
