"""Gradients written by hand in NumPy, right ones, and wrong ones that people do write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import autograd_core as ag


class Pair(NamedTuple):
    """A function at a point, with options of the check that are right, and others that are not."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    right: dict[str, Any]
    wrong: dict[str, Any]


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def wrong_axis(rng: np.random.Generator) -> Pair:
    n = int(rng.integers(2, 5))
    x = rng.normal(size=(n, n))

    def back(axis: int) -> Callable[..., Any]:
        def vjp(g: Any, x: Any) -> Any:
            s = softmax(x)
            return s * (g - (g * s).sum(axis=axis, keepdims=True))

        return vjp

    return Pair(softmax, (x,), {"vjp": back(-1)}, {"vjp": back(0)})


def transposed_matmul(rng: np.random.Generator) -> Pair:
    n = int(rng.integers(2, 5))
    a, b = rng.normal(size=(2, n, n))
    return Pair(
        np.matmul,
        (a, b),
        {"vjp": lambda g, a, b: (g @ b.T, a.T @ g)},
        {"vjp": lambda g, a, b: (g @ b, a.T @ g)},
    )


def unsummed_bias(rng: np.random.Generator) -> Pair:
    x, b = rng.normal(size=(int(rng.integers(2, 5)), 3)), rng.normal(size=3)
    return Pair(
        lambda x, b: x + b,
        (x, b),
        {"vjp": lambda g, x, b: (g, g.sum(axis=0))},
        {"vjp": lambda g, x, b: (g, g)},
    )


def wrong_dtype(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=int(rng.integers(1, 5)))
    return Pair(
        np.tanh,
        (x,),
        {"vjp": lambda g, x: g / np.cosh(x) ** 2},
        {"vjp": lambda g, x: (g / np.cosh(x) ** 2).astype(np.float32)},
    )


def integer_gradient(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=int(rng.integers(1, 5)))
    return Pair(
        lambda x: 2.0 * x.sum(),
        (x,),
        {"gradient": lambda x: np.full(x.shape, 2.0)},
        {"gradient": lambda x: np.full(x.shape, 2)},
    )


def wrong_branch(rng: np.random.Generator) -> Pair:
    x = rng.choice([-1.0, 1.0], 4) * rng.uniform(0.1, 1.0, 4)
    return Pair(
        lambda x: np.where(x > 0, x**2, 3.0 * x),
        (x,),
        {"vjp": lambda g, x: np.where(x > 0, g * 2 * x, 3.0 * g)},
        {"vjp": lambda g, x: np.where(x < 0, g * 2 * x, 3.0 * g)},
    )


def dropped_term(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=int(rng.integers(1, 5))) + 2.0
    return Pair(
        lambda x: (x * np.sin(x)).sum(),
        (x,),
        {"gradient": lambda x: np.sin(x) + x * np.cos(x)},
        {"gradient": lambda x: x * np.cos(x)},
    )


def missing_conjugate(rng: np.random.Generator) -> Pair:
    z = rng.normal(size=3) + 1j * rng.normal(size=3)
    return Pair(
        lambda z: z * z,
        (z,),
        {"vjp": lambda g, z: g * np.conj(2 * z)},
        {"vjp": lambda g, z: g * 2 * z},
    )


def stale_cache(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=3)
    kept: list[Any] = []

    def stale(x: Any) -> Any:
        kept.append(x)
        return np.cos(kept[0])

    return Pair(lambda x: np.sin(x).sum(), (x,), {"gradient": np.cos}, {"gradient": stale})


def stale_value(rng: np.random.Generator) -> Pair:
    """A function that keeps state: its value is another one at every call."""
    x = rng.normal(size=3)
    calls = [0]

    def f(x: Any) -> Any:
        return np.sin(x).sum()

    def drifting(g: Any, x: Any) -> Any:
        calls[0] += 1
        return g * np.cos(x) * (1.0 if calls[0] < 4 else 1.0 + 1e-3 * calls[0])

    return Pair(f, (x,), {"vjp": lambda g, x: g * np.cos(x)}, {"vjp": drifting})


def writes_argument(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=3)

    def vjp(g: Any, x: Any) -> Any:
        right = g * np.cos(x)
        x *= 2.0
        return right

    return Pair(np.sin, (x,), {"vjp": lambda g, x: g * np.cos(x)}, {"vjp": vjp})


def writes_cotangent(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=3)

    def vjp(g: Any, x: Any) -> Any:
        g *= np.cos(x)
        return g

    return Pair(np.sin, (x,), {"vjp": lambda g, x: g * np.cos(x)}, {"vjp": vjp})


def squared_cotangent(rng: np.random.Generator) -> Pair:
    """Right for a cotangent of ones, which is what a check with ones would try."""
    x = rng.normal(size=3)
    return Pair(
        np.sin, (x,), {"vjp": lambda g, x: g * np.cos(x)}, {"vjp": lambda g, x: g * g * np.cos(x)}
    )


def wrong_forward(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=3)
    vjp = {"vjp": lambda g, x: g * np.cos(x)}
    return Pair(
        np.sin,
        (x,),
        {**vjp, "jvp": lambda v, x: v * np.cos(x)},
        {**vjp, "jvp": lambda v, x: 1.001 * v * np.cos(x)},
    )


def wrong_hessian(rng: np.random.Generator) -> Pair:
    x = rng.normal(size=3)
    gradient = {"gradient": np.cos}
    return Pair(
        lambda x: np.sin(x).sum(),
        (x,),
        {**gradient, "hvp": lambda v, x: -v * np.sin(x)},
        {**gradient, "hvp": lambda v, x: v * np.sin(x)},
    )


def asymmetric_hessian(rng: np.random.Generator) -> Pair:
    x, a = rng.normal(size=3), rng.normal(size=(3, 3))
    gradient = {"gradient": lambda x: (a + a.T) @ x}
    return Pair(
        lambda x: x @ a @ x,
        (x,),
        {**gradient, "hvp": lambda v, x: (a + a.T) @ v},
        {**gradient, "hvp": lambda v, x: 2.0 * a @ v},
    )


def wrong_at_tie(rng: np.random.Generator) -> Pair:
    """Both get the whole gradient where they are equal."""
    x = rng.normal(size=4)
    y = np.where([True, False, True, False], x, x + 0.5)
    return Pair(
        np.maximum,
        (x, y),
        {"vjp": lambda g, x, y: (g * (x > y) + g * (x == y) / 2, g * (x < y) + g * (x == y) / 2)},
        {"vjp": lambda g, x, y: (g * (x >= y), g * (x <= y))},
    )


def wrong_at_tied_maximum(rng: np.random.Generator) -> Pair:
    x = rng.permutation([1.0, 2.0, 2.0, 0.5, 2.0])

    def gradient(x: Any) -> Any:
        best = x == x.max()
        return best / best.sum()

    return Pair(np.max, (x,), {"gradient": gradient}, {"gradient": lambda x: 1.0 * (x == x.max())})


def outside_a_kink(rng: np.random.Generator) -> Pair:
    x = rng.permutation([0.0, 1.0, -2.0])
    return Pair(
        np.abs,
        (x,),
        {"vjp": lambda g, x: g * np.sign(x)},
        {"vjp": lambda g, x: g * np.where(x == 0, 1.5, np.sign(x))},
    )


def recorded_dtype(rng: np.random.Generator) -> Pair:
    """A recorded call in another precision than a plain one."""
    x = rng.normal(size=3)

    def narrow(x: Any) -> Any:
        return np.tanh(x.astype(np.float32) if isinstance(x, ag.Tensor) else x)

    return Pair(np.tanh, (x,), {}, {"f": narrow})


def function_writes_argument(rng: np.random.Generator) -> Pair:
    def shifted(x: Any) -> Any:
        x -= x.mean()
        return x * x

    return Pair(lambda x: (x - x.mean()) ** 2, (rng.normal(size=3),), {}, {"f": shifted})


def detached(rng: np.random.Generator) -> Pair:
    """A path that was cut by hand."""
    return Pair(
        lambda x: x * np.sin(x),
        (rng.normal(size=3),),
        {},
        {"f": lambda x: x * ag.asarray(np.sin(x)).detach()},
    )


PAIRS: dict[str, Callable[[np.random.Generator], Pair]] = {
    "wrong axis": wrong_axis,
    "transposed": transposed_matmul,
    "missing un-broadcast (shape)": unsummed_bias,
    "wrong dtype": wrong_dtype,
    "integer gradient": integer_gradient,
    "wrong branch of where": wrong_branch,
    "dropped term (product rule)": dropped_term,
    "missing conjugate": missing_conjugate,
    "stale value": stale_cache,
    "another result each time": stale_value,
    "writes into an argument": writes_argument,
    "writes into the cotangent": writes_cotangent,
    "g squared": squared_cotangent,
    "forward mode wrong by 0.1 %": wrong_forward,
    "second order: wrong sign": wrong_hessian,
    "second order: not symmetric": asymmetric_hessian,
    "wrong at ties: maximum(x, y)": wrong_at_tie,
    "wrong at ties: max(x)": wrong_at_tied_maximum,
    "outside the slopes of a kink": outside_a_kink,
    "recorded in another dtype": recorded_dtype,
    "function writes into its argument": function_writes_argument,
    "path cut by detach": detached,
}
