"""The formula of a backward rule as text, where there is a short one that is true.

That of a rule of one expression is its source. For longer rules formulas stand in `READABLE`; a
test evaluates each of them as Python and compares it with what the rule computes.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from autograd_core.registry import ZERO, Op

__all__ = ["READABLE", "formula", "source"]

Shapes = Sequence[tuple[int, ...]]

#: Functions that a formula may call besides NumPy's, by the names that everybody knows them by.
_KNOWN = {"np", "math", "sp", "sigmoid"}
_LETTERS = ("x", "y", "z")


@functools.cache
def _tree(path: str) -> ast.Module:
    return ast.parse(Path(path).read_text(encoding="utf-8"))


def source(rule: Callable[..., Any]) -> ast.expr | None:
    """The body of a lambda as it stands in the source; None of a longer rule.

    Raises:
        ValueError: two lambdas of the same arguments begin on one line.
        OSError: the source is not there.
    """
    if rule.__name__ != "<lambda>":
        return None
    code: CodeType = rule.__code__
    bodies = [
        node.body
        for node in ast.walk(_tree(code.co_filename))
        if isinstance(node, ast.Lambda)
        and node.lineno == code.co_firstlineno
        and [arg.arg for arg in node.args.args] == list(inspect.signature(rule).parameters)
    ]
    if len(bodies) != 1:
        raise ValueError(f"{code.co_filename}:{code.co_firstlineno}: one rule a line, please")
    return bodies[0]


def formula(
    op: Op, i: int, shapes: Shapes, numbers: Sequence[float | None], params: dict[str, Any]
) -> str:
    """Write the gradient at operand ``i`` as Python of ``g``, ``out`` and x, y, z; "" without one.

    ``shapes`` are those of the operands, ``numbers`` the values of those that are constants.
    """
    readable = READABLE.get(op.name)
    if readable is not None and op is _declared(op.name):
        texts = readable(shapes, numbers, params)
        return texts[i] if texts is not None and i < len(texts) else ""
    if op.variadic or len(shapes) > len(_LETTERS) or i >= len(op.rules):
        return ""
    rule = op.rules[i]
    if rule is ZERO:
        return "0"
    if rule is None or not inspect.isfunction(rule):
        return ""
    return _filled(rule, op.arity, params)


@functools.cache
def _declared(name: str) -> Op | None:
    """The op of the table that a readable formula is of, not another of the same name."""
    from autograd_core import OPS

    ours = [op for op in OPS.values() if op.name == name and op.composition is None]
    homes = ("numpy", "autograd_core", "nn")
    return next((op for op in ours if op.module.startswith(homes)), None)


def _filled(rule: Callable[..., Any], arity: int, params: dict[str, Any]) -> str:
    text = _template(rule, arity)
    if not text:
        return ""
    for name, default in _params(rule, arity):
        if not re.search(rf"\b{name}\b", text):
            continue
        value = params.get(name, default)
        if not isinstance(value, int | float | str | tuple | None):
            return ""
        text = re.sub(rf"(?<![\w.]){name}\b(?!=)", repr(value), text)
    return text


@functools.cache
def _params(rule: Callable[..., Any], arity: int) -> list[tuple[str, Any]]:
    """The op's parameters that a rule takes, and their defaults."""
    parameters = list(inspect.signature(rule).parameters.values())[arity + 2 :]
    return [(parameter.name, parameter.default) for parameter in parameters]


@functools.cache
def _template(rule: Callable[..., Any], arity: int) -> str:
    """The source of a rule in our letters; "" if it says nothing without the file around it."""
    try:
        body = source(rule)
    except (OSError, ValueError, TypeError, SyntaxError):
        return ""
    if body is None:
        return ""
    words = list(inspect.signature(rule).parameters)
    letters = {words[0]: "g", words[1]: "out"}
    letters |= dict(zip(words[2 : arity + 2], _LETTERS, strict=False))
    allowed = set(letters) | set(words[arity + 2 :]) | _KNOWN
    body = ast.parse(ast.unparse(body), mode="eval").body
    for node in ast.walk(body):
        if isinstance(node, ast.IfExp | ast.Lambda | ast.comprehension):
            return ""
        if isinstance(node, ast.Name):
            if node.id not in allowed:
                return ""
            node.id = letters.get(node.id, node.id)
        elif isinstance(node, ast.Constant) and type(node.value) is float:
            node.value = int(node.value) if node.value.is_integer() else node.value
    return ast.unparse(body)


# --- readable formulas of longer rules ----------------------------------------------------------

Readable = Callable[[Shapes, Sequence[float | None], dict[str, Any]], Sequence[str] | None]


def _matmul(shapes: Shapes, _numbers: Any, _params: Any) -> Sequence[str] | None:
    x, y = len(shapes[0]), len(shapes[1])
    if x == y == 1:
        return "g * y", "g * x"
    if x == y == 2:
        return "g @ y.T", "x.T @ g"
    if x >= 2 and y >= 2:
        return "g @ y.mT", "x.mT @ g"
    if (x, y) == (2, 1):
        return "np.outer(g, y)", "x.T @ g"
    if (x, y) == (1, 2):
        return "y @ g", "np.outer(x, g)"
    return None


def _affine(shapes: Shapes, _numbers: Any, _params: Any) -> Sequence[str] | None:
    if len(shapes[0]) == 1:
        return "g @ y.T", "np.outer(x, g)", "g"
    return ("g @ y.T", "x.T @ g", "np.sum(g, axis=0)") if len(shapes[0]) == 2 else None


def _affine_transposed(shapes: Shapes, _numbers: Any, _params: Any) -> Sequence[str] | None:
    return ("g @ y", "g.T @ x", "np.sum(g, axis=0)") if len(shapes[0]) == 2 else None


def _spread(name: str, params: dict[str, Any]) -> str:
    """A reduced array, with its axes back."""
    axis = params.get("axis")
    if axis is None or params.get("keepdims"):
        return name
    return f"np.expand_dims({name}, {axis})"


def _reduced(params: dict[str, Any]) -> bool:
    axis = params.get("axis")
    plain = not isinstance(params.get("where", True), bool) or params.get("where", True) is not True
    return not plain and (axis is None or isinstance(axis, int | tuple))


def _count(shape: tuple[int, ...], axis: Any) -> int:
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    count = 1
    for a in axes:
        count *= shape[a]
    return count


def _sum(shapes: Shapes, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    return (f"{_spread('g', params)} * np.ones_like(x)",) if _reduced(params) else None


def _mean(shapes: Shapes, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    if not _reduced(params):
        return None
    n = _count(shapes[0], params.get("axis"))
    return (f"{_spread('g', params)} * np.ones_like(x) / {n}",)


def _softmax(_shapes: Any, _numbers: Any, params: dict[str, Any]) -> Sequence[str]:
    return (f"out * (g - np.sum(out * g, axis={params.get('axis', -1)}, keepdims=True))",)


def _log_softmax(_shapes: Any, _numbers: Any, params: dict[str, Any]) -> Sequence[str]:
    return (f"g - np.exp(out) * np.sum(g, axis={params.get('axis', -1)}, keepdims=True)",)


def _cross_entropy(shapes: Shapes, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    scale = {"mean": f"g / {_count(shapes[1], None)}", "sum": "g"}.get(str(params.get("reduction")))
    return None if scale is None else (f"{scale} * (softmax(x) - one_hot(y))",)


def _per(params: dict[str, Any]) -> str:
    over = params.get("over")
    return "g" if over is None else f"g / {over:g}"


def _binary(shapes: Shapes, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    if shapes[0] != shapes[1] or not _exact(params):
        return None
    return f"{_per(params)} * (sigmoid(x) - y)", f"-x * {_per(params)}"


def _squared(shapes: Shapes, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    return (f"{_per(params)} * (x - y)", f"{_per(params)} * (y - x)") if _exact(params) else None


def _absolute_error(_shapes: Shapes, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    return (
        (f"{_per(params)} * np.sign(x - y)", f"{_per(params)} * np.sign(y - x)")
        if _exact(params) else None
    )  # fmt: skip


def _exact(params: dict[str, Any]) -> bool:
    """Whether `_per` writes all digits."""
    over = params.get("over")
    return over is None or float(f"{over:g}") == float(over)


def _power(_shapes: Any, numbers: Sequence[float | None], _params: Any) -> Sequence[str] | None:
    exponent = numbers[1]
    if exponent is None or exponent < 1:
        return None
    if exponent == 1:
        return ("g",)
    return ("g * 2 * x",) if exponent == 2 else (f"g * y * x ** {exponent - 1:g}",)


def _maximum(_shapes: Any, _numbers: Any, _params: Any) -> Sequence[str]:
    half = "np.where({0} {2} {1}, g, np.where({0} == {1}, 0.5 * g, 0))"
    return half.format("x", "y", ">"), half.format("y", "x", ">")


def _minimum(_shapes: Any, _numbers: Any, _params: Any) -> Sequence[str]:
    half = "np.where({0} {2} {1}, g, np.where({0} == {1}, 0.5 * g, 0))"
    return half.format("x", "y", "<"), half.format("y", "x", "<")


def _norm(_shapes: Any, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    return ("g * x / out",) if params.get("axis") is None and not params.get("keepdims") else None


def _square_matrix(*texts: str) -> Readable:
    def readable(shapes: Shapes, _numbers: Any, _params: Any) -> Sequence[str] | None:
        return texts if len(shapes[0]) == 2 else None

    return readable


def _always(*texts: str) -> Readable:
    return lambda _shapes, _numbers, _params: texts


def _transpose(shapes: Shapes, _numbers: Any, params: dict[str, Any]) -> Sequence[str] | None:
    if params.get("axes") is not None:
        return None
    return ("g.T",) if len(shapes[0]) == 2 else ("np.transpose(g)",)


READABLE: dict[str, Readable] = {
    "absolute": _always("g * np.sign(x)"),
    "absolute_error": _absolute_error,
    "affine": _affine,
    "affine_transposed": _affine_transposed,
    "binary_cross_entropy": _binary,
    "cross_entropy": _cross_entropy,
    "det": _square_matrix("g * out * np.linalg.inv(x).T"),
    "elu": lambda _shapes, _numbers, params: (
        f"np.where(out > 0, g, g * (out + {params.get('alpha', 1.0)}))",
    ),
    "inv": _square_matrix("-out.T @ g @ out.T"),
    "leaky_relu": lambda _shapes, _numbers, params: (
        f"np.where(x > 0, g, {params.get('slope', 0.01)} * g)",
    ),
    "log_softmax": _log_softmax,
    "matmul": _matmul,
    "maximum": _maximum,
    "mean": _mean,
    "minimum": _minimum,
    "norm": _norm,
    "power": _power,
    "relu": _always("np.where(out > 0, g, 0)"),
    "silu": _always("g * sigmoid(x) * (1 + x * (1 - sigmoid(x)))"),
    "softmax": _softmax,
    "squared_error": _squared,
    "sum": _sum,
    "transpose": _transpose,
}
