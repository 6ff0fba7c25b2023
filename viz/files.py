"""Writes a file whole or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path

__all__ = ["check_place", "write"]


def check_place(path: Path) -> None:
    """Refuse a path at which no file can be: its folder is not there, or it is a folder itself."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; make it")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder")


def write(path: Path, content: str | bytes) -> None:
    """Write ``content`` to a file beside ``path``, then put it in its place in one step.

    Whoever reads ``path`` meanwhile sees the old file or the new one, never half of one. A folder
    that does not exist, or in the place of the file, is an ``OSError`` that names it.
    """
    check_place(path)
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        if error.filename is None:
            raise
        # It says which file was to be written, and not the one beside it.
        raise type(error)(error.errno, f"cannot write it: {error.strerror}", str(path)) from None
    finally:
        beside.unlink(missing_ok=True)
