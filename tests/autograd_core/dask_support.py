"""Which ops a Tensor that holds a Dask array has: tried with a scheduler that refuses to compute.

``dask_support.json`` has a word for each op and, where it isn't "works", the reason:

* ``works``: whenever Dask has the call, value, gradient and tangent are lazy, and right;
* ``no gradient``: Dask has the function, but not all that its derivative needs;
* ``not in Dask``: Dask has no such function, or computes it at once, or something else.

Whether Dask has a call may depend on the chunks: the finest that it takes are tried.

The tests compare the words with what is found. `python -m tests.autograd_core.dask_support` writes
the file anew; it keeps the reasons of words that stay.
"""

from __future__ import annotations

import functools
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import autograd_core as ag
from autograd_core.registry import Op
from tests.autograd_core.samples import DIFFERENTIABLE, TABLE, Case, strategy
from tests.autograd_core.samples.base import one

FILE = Path(__file__).with_name("dask_support.json")
WORKS, NO_GRADIENT, NOT_IN_DASK = "works", "no gradient", "not in Dask"
#: Calls that Dask has, of ops whose drawn calls have a parameter that Dask lacks.
_X = np.cos(np.arange(12.0)).reshape(4, 3)
EXTRA = {
    "autograd_core.ops.linalg.p_norm": one(_X, ord=3.0, axis=1),
    "numpy.linalg.norm": one(_X, ord=3.0, axis=1),
    "numpy.take": one(_X, np.array([0, 2, 1, 2]), axis=0),
    **{
        f"numpy.{name}": one(_X, 0.3, axis=1)
        for name in ("percentile", "nanpercentile", "quantile", "nanquantile")
    },
    **{
        f"numpy.{name}": one(_X, axis=1)
        for name in ("sum", "mean", "prod", "amax", "amin", "max", "min", "median", "std", "var")
        for name in (name, f"nan{name}")
    },
}
#: How many calls are drawn, of which the first few that tell are tried.
DRAWN = 20


class Computed(Exception):
    """Something was computed that nobody had asked for."""


def refuse(*_: Any, **__: Any) -> Any:
    """A Dask scheduler that computes nothing."""
    raise Computed("was computed before anybody asked")


def lazily() -> Any:
    """The context in which nothing may be computed."""
    return dask.config.set(scheduler=refuse)


def computed(values: list[Any]) -> list[Any]:
    """Compute what is lazy, in this thread; it is small."""
    return list(dask.compute(*values, scheduler="synchronous", optimize_graph=False))


def chunked(x: Any) -> Any:
    """``x`` as a Dask array in several chunks along each axis."""
    x = np.asarray(x)
    return da.from_array(x, chunks=tuple(max(1, (n + 1) // 2) for n in x.shape), name=False)


def stacked(x: Any) -> Any:
    """``x`` as a Dask array in several chunks along the first axis."""
    x = np.asarray(x)
    return da.from_array(
        x, chunks=(max(1, len(x) // 2), *x.shape[1:]) if x.ndim else -1, name=False
    )


def whole(x: Any) -> Any:
    """``x`` as a Dask array of one chunk."""
    return da.from_array(np.asarray(x), chunks=-1, name=False)


def outputs(value: Any) -> list[Any]:
    """The outputs of an op, which has several where it returns a sequence of them."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


@functools.cache
def drawn(name: str) -> list[Case]:
    """Calls of an op, large ones and small in turn, after one that Dask is known to have."""
    if name not in DIFFERENTIABLE:
        return [without_derivative(TABLE[name])]
    found: list[Case] = []

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=DRAWN,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def collect(data: Any) -> None:
        found.append(data.draw(strategy(name)))

    collect()
    found.sort(key=lambda case: -sum(x.size for x in case.arrays))
    in_turn = [case for i in range(5) for case in found[i::5]]
    return ([EXTRA[name]] if name in EXTRA else []) + in_turn


def without_derivative(op: Op) -> Case:
    """A call of an op that is not differentiable."""
    x = np.array([[0.5, 1.5, -1.0], [2.5, 0.25, 3.0]])
    if op.name.startswith(("bitwise", "left", "right", "invert")):
        x = np.array([[1, 2, 3], [3, 0, 1]])
    first = np.array([0.1, 0.7]) if op.name == "searchsorted" else x
    return Case((first, *[x] * (op.arity - 1)), lambda f, *xs: f(*xs), op.name)


def values(name: str, case: Case, make: Callable[[Any], Any]) -> list[Any]:
    """Value, gradient and tangent of a call on arrays that ``make`` makes of NumPy's."""
    op = TABLE[name]
    if name not in DIFFERENTIABLE:
        return [_plain(y) for y in outputs(case.call(op.function, *map(tensor(make), case.arrays)))]
    rng = np.random.default_rng(0)
    leaves = [ag.Tensor(make(x), requires_grad=True) for x in case.arrays]
    ys = outputs(case.value(op.function, *leaves))
    weights = [make(rng.normal(size=y.shape)) for y in ys]
    tracked = [(y, w) for y, w in zip(ys, weights, strict=True) if y.requires_grad]
    found = [_plain(y) for y in ys]
    if tracked:
        sum(ag.sum(ag.real(y) * w) for y, w in tracked).backward()
        found += [x.grad for x in leaves]
    directions = [make(rng.normal(size=x.shape)) for x in case.arrays]
    _, tangents = ag.jvp(
        lambda *xs: case.value(op.function, *xs), [make(x) for x in case.arrays], directions
    )
    return found + outputs(tangents)


def tensor(make: Callable[[Any], Any]) -> Callable[[Any], ag.Tensor]:
    """What makes a tensor of an array of NumPy's."""
    return lambda x: ag.Tensor(make(x))


def _plain(y: Any) -> Any:
    return y._value if type(y) is ag.Tensor else y


def in_dask(name: str, case: Case, make: Callable[[Any], Any]) -> bool:
    """Whether Dask itself answers the call as NumPy does, by an array that is not computed yet."""
    op = TABLE[name]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with lazily():
                got = outputs(case.value(op.fn, *map(make, case.arrays)))
            if not any(isinstance(y, da.Array) for y in got):
                return False
            compare(name, computed(got), outputs(case.value(op.fn, *case.arrays)))
    except Exception:
        return False
    return True


def reason(error: Exception) -> str:
    """What an error says of Dask, in one line."""
    missing = re.search(r"The `(\S+)` function is not implemented by Dask", str(error))
    if missing:
        return f"Dask has no {missing[1]}"
    if isinstance(error, AssertionError):
        return "Dask's result is another than NumPy's"
    text = re.sub(r"\s+", " ", str(error)).strip()
    return f"{type(error).__name__}: {text[:120]}"


def status(name: str, enough: int = 3) -> tuple[str, str]:
    """The word for an op, and the reason; an AssertionError where a result is wrong.

    So many calls that work are ``enough``.
    """
    whys: list[str] = []
    works = 0
    for case in drawn(name):
        if works == enough or (len(whys) == 6 and len(set(whys)) == 1):
            break  # more of the same
        why = ""
        expected = values(name, case, np.asarray)
        for make in (chunked, stacked, whole):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    with lazily():
                        got = values(name, case, make)
                    compare(f"{name}, {case.text}", computed(got), expected)
            except Exception as error:
                why = why or reason(error)
                if in_dask(name, case, make):
                    if isinstance(error, AssertionError):
                        raise
                    return NO_GRADIENT, reason(error)
                if isinstance(error, AssertionError):
                    return NOT_IN_DASK, why
            else:
                works += 1
                break
        else:
            whys.append(why)
    return (WORKS, "") if works else (NOT_IN_DASK, whys[0])


def compare(what: str, got: list[Any], expected: list[Any]) -> None:
    """Values, dtypes and shapes are those of the tensors that hold NumPy's arrays."""
    assert len(got) == len(expected), what
    for a, b in zip(got, expected, strict=True):
        assert np.shape(a) == np.shape(b), what
        assert np.asarray(a).dtype == np.asarray(b).dtype, what
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=what)


def _is_drawn(name: str) -> bool:
    try:
        strategy(name)
    except KeyError:
        return False  # another test says so
    return True


@functools.cache
def names() -> list[str]:
    """All ops that can be tried: with a derivative, and those without that two arrays suffice."""
    ours = {k: op for k, op in TABLE.items() if k.startswith(("autograd_core", "numpy", "scipy"))}
    found = {name for name in ours if name in DIFFERENTIABLE and _is_drawn(name)}
    for name, op in ours.items():
        if op.mask == 0 and op.rules and op.name != "empty_like":
            case = without_derivative(op)
            try:
                if any(hasattr(y, "dtype") for y in outputs(case.call(op.fn, *case.arrays))):
                    found.add(name)
            except (TypeError, ValueError):
                pass  # it takes something else
    return sorted(found)


def recorded() -> dict[str, list[str]]:
    """What the file says: a word and a reason for each op."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def main() -> None:
    """Write the file anew."""
    before, now = recorded(), {}
    for name in names():
        try:
            word, why = status(name)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}")
            continue
        old = before.get(name, ["", ""])
        now[name] = old if old[0] == word else [word, why]
    rows = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in now.items()]
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
