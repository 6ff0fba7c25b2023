"""Writes a file whole or not at all, also when the machine goes down meanwhile."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path

__all__ = ["remove_leftovers", "write"]


def write(path: str | os.PathLike[str], content: bytes) -> None:
    """Write ``content`` beside ``path``, wait until it is on the disk, then put it in its place.

    Whoever reads ``path`` finds the old file or the new one, never half of one. A folder that does
    not exist, or in the place of the file, is an ``OSError`` that names it.
    """
    # Through links: the file that a link points to is replaced, and the link stays.
    place = Path(os.path.realpath(path))
    if not place.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {place.parent}; make it")
    if place.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder; name a file in it")
    beside = place.with_name(f".{place.name}.{uuid.uuid4().hex}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
    # The name is on the disk only when the folder is; not every system can wait for that.
    with contextlib.suppress(OSError):
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove what was left beside ``path`` by a process that was killed while it wrote."""
    place = Path(os.path.realpath(path))
    start, end = f".{place.name}.", ".tmp"
    if not place.parent.is_dir():
        return
    for other in place.parent.iterdir():
        middle = other.name[len(start) : -len(end)]
        if other.name == f"{start}{middle}{end}" and len(middle) == 32:
            other.unlink(missing_ok=True)
