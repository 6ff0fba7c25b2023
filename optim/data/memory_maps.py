"""Arrays in files, read where they lie: what is used is in memory, and not what there is."""

from __future__ import annotations

import os
import struct
import sys
import zipfile
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["memory_map"]

# Version 3 is for structured arrays whose fields have names outside Latin-1.
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def memory_map(path: str | os.PathLike[str]) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """Map the array of a ``.npy`` file, or the arrays of a ``.npz`` file by their names.

    Nothing is read yet but the headers; the arrays are read-only ``numpy.memmap``, which
    ``Minibatches`` reads a batch at a time and ``Standardize.fit`` in parts. (``np.load`` with
    ``mmap_mode`` maps a ``.npy`` file only.) Which of the two a file is, its first bytes say.

    A compressed ``.npz`` cannot be mapped, nor can arrays of Python objects: a ``ValueError`` says
    what to do instead, as it does for a file that is truncated or of another kind.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/digits.npz", X=np.ones((3, 2)), y=np.arange(3))
    ...     data = memory_map(f"{folder}/digits.npz")
    ...     print({name: array.shape for name, array in data.items()})
    ...     del data  # or the file is still open
    {'X': (3, 2), 'y': (3,)}
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(len(npy.MAGIC_PREFIX))
        if start == npy.MAGIC_PREFIX:
            return _map(path, file, 0, None, "")
        # An empty archive has no file in it to begin with.
        if start[:4] not in (b"PK\x03\x04", b"PK\x05\x06"):
            raise ValueError(f"{path} is no .npy or .npz file: it begins with {start!r}")
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except zipfile.BadZipFile as error:
            raise ValueError(f"{path} is no whole .npz file: {error}") from error
        return {
            member.filename.removesuffix(".npy"): _member(path, file, member) for member in members
        }


def _member(path: Path, file: IO[bytes], member: zipfile.ZipInfo) -> NDArray[Any]:
    """Map one array of an archive, in which it lies as it would in a file of its own."""
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(
            f"{member.filename} in {path} is compressed, and so cannot be mapped: write the file "
            f"with np.savez instead of np.savez_compressed, or read it whole with np.load"
        )
    if member.flag_bits & 0x1:
        raise ValueError(f"{member.filename} in {path} is encrypted, and so cannot be mapped")
    # The local header says how long it is; the central one, which ZipInfo has, may differ.
    file.seek(member.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise ValueError(f"{path} is damaged: {member.filename} is not where the archive says")
    name, extra = struct.unpack("<HH", header[26:30])
    start = member.header_offset + len(header) + name + extra
    return _map(path, file, start, start + member.file_size, f"{member.filename} in ")


def _map(path: Path, file: IO[bytes], start: int, end: int | None, of: str) -> NDArray[Any]:
    """Map the array whose header is at ``start``; with an archive it must end at ``end``."""
    file.seek(start)
    try:
        version = npy.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"version {version} of the format is not known here")
        shape, fortran_order, dtype = _HEADERS[version](file)
        if any(type(size) is not int or not 0 <= size <= sys.maxsize for size in shape):
            raise ValueError(f"its shape cannot be {shape}")
    except ValueError as error:
        raise ValueError(f"{of}{path} has no header of an array: {error}") from error
    if dtype.hasobject:
        raise ValueError(
            f"{of}{path} holds Python objects (dtype {dtype}), which lie elsewhere in memory and "
            f"cannot be mapped: save numbers, or strings of a fixed width"
        )
    offset = file.tell()
    needed = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    held = path.stat().st_size
    if needed > held:
        raise ValueError(f"{of}{path} is truncated: it has {held} bytes, and {needed} are needed")
    if end is not None and needed != end:
        raise ValueError(f"{of}{path} is damaged: its size is not that of its array")
    order: Literal["C", "F"] = "F" if fortran_order else "C"
    if needed == offset:
        return np.zeros(shape, dtype, order=order)  # nothing to map
    mapped: NDArray[Any] = np.memmap(path, dtype, "r", offset, shape, order)
    return mapped
