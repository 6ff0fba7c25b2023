"""Python that makes a failure happen again: written out, to be pasted."""

from __future__ import annotations

import base64
import builtins
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..tensor import Tensor
from .foreign import Foreign, Torch

__all__ = ["snippet"]

#: Arrays up to this size are written as numbers, larger ones packed, and these only up to a limit.
NUMBERS, PACKED = 100, 20_000


def snippet(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    functions: Mapping[str, Any],
    options: Mapping[str, Any],
    leaves: Mapping[str, Any] | None,
    module: bool,
) -> str:
    """Python that builds the arguments and calls the check again.

    ``functions`` are passed by keyword (a hand-written gradient), ``options`` are plain values.
    A function that cannot be imported is taken to be there under its name, and a comment says so.
    """
    lines = ["import numpy as np", "", "from autograd_core.testing import check_gradients"]
    comments: list[str] = []
    f_name = _function(f, "model" if module else "f", lines, comments)
    keywords = [f"{k}={_function(v, k, lines, comments)}" for k, v in functions.items()]
    lines += ["", *comments] if comments else [""]
    names = []
    for i, arg in enumerate(args):
        source = _source(arg)
        name = f"arg{i}"
        if source is None:
            lines.append(f"# {name}: what was passed as argument {i}, too large to be written here")
        else:
            lines.append(f"{name} = {source}")
        names.append(name)
    if leaves is not None:
        if module:
            lines.append(f"parameters = dict({f_name}.named_parameters())")
        else:
            lines.append("# parameters: the dict that was passed as wrt")
            keywords.append("wrt=parameters")
        for name, t in leaves.items():
            source = _source(t)
            if source is not None:
                lines.append(f"parameters[{name!r}].data = {source}")
    keywords += [f"{k}={_source(v) or repr(v)}" for k, v in options.items()]
    lines.append(f"check_gradients({', '.join([f_name, *names, *keywords])})")
    return "\n".join(lines)


def _function(f: Any, name: str, lines: list[str], comments: list[str]) -> str:
    """How to name a function: an import, or a name that is taken to be there."""
    if isinstance(f, Foreign):
        wrapper = "torch_function" if isinstance(f, Torch) else "jax_function"
        lines.append(f"from autograd_core.testing import {wrapper}")
        return f"{wrapper}({_function(f.f, name, lines, comments)})"
    own = getattr(f, "__name__", "")
    if isinstance(f, np.ufunc) and getattr(np, own, None) is f:
        return f"np.{own}"
    module, path = getattr(f, "__module__", None), getattr(f, "__qualname__", None)
    if module and path and path.isidentifier() and module not in ("__main__", builtins.__name__):
        held = getattr(sys.modules.get(module), path, None)
        if held is f:
            lines.append(f"from {module} import {path}")
            return str(path)
        if held is not None and getattr(held, "function", None) is f:  # a property test's
            lines.append(f"from {module} import {path}")
            return f"{path}.function"
    comments.append(f"# {name}: the {'module' if name == 'model' else 'function'} that was checked")
    return name


def _source(x: Any) -> str | None:
    """Python for a value; None where there is none that one would paste."""
    if type(x) is Tensor:
        x = x.detach().data
    if isinstance(x, dict):
        parts = {repr(key): _source(value) for key, value in x.items()}
        if any(part is None for part in parts.values()):
            return None
        return "{" + ", ".join(f"{key}: {part}" for key, part in parts.items()) + "}"
    if isinstance(x, (list, tuple)):
        items = [_source(value) for value in x]
        if any(item is None for item in items):
            return None
        joined = ", ".join(str(item) for item in items)
        if isinstance(x, list):
            return f"[{joined}]"
        return f"({joined},)" if len(items) == 1 else f"({joined})"
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "biufc":
            return None
        if x.size > PACKED:
            return None
        if x.size > NUMBERS or 0 in x.shape:
            packed = base64.b64encode(zlib.compress(np.ascontiguousarray(x).tobytes(), 9)).decode()
            return (
                "np.frombuffer(__import__('zlib').decompress(__import__('base64').b64decode("
                f"'{packed}')), '{x.dtype.str}').reshape({x.shape})"
            )
        text = repr(x.tolist())
        for word in ("nan", "inf"):
            text = text.replace(word, f"np.{word}")
        return f"np.array({text}, dtype='{x.dtype.name}')"
    if isinstance(x, np.generic):
        return f"np.{x.dtype.name}({x.item()!r})"
    if x is Ellipsis:
        return "..."
    if isinstance(x, (bool, int, float, complex, str, type(None), slice)):
        text = repr(x)
        return f"float('{text}')" if text in ("nan", "inf", "-inf") else text
    return None
