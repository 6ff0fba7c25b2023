"""What a derivative is where it isn't one: the choices this library made, as data.

They hold in every op that a row names, at order 1 and, where a second derivative exists, 2.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Convention", "Conventions", "conventions"]


class Convention(NamedTuple):
    """One choice: at which point, what the derivative is there, and which ops it is about."""

    point: str
    derivative: str
    ops: tuple[str, ...]


class Conventions(tuple[Convention, ...]):
    """Rows of the table of conventions; printed as a table."""

    __slots__ = ()

    def __str__(self) -> str:
        width = max((len(row.point) for row in self), default=0)
        return "\n".join(f"{row.point:<{width}}  {row.derivative}" for row in self)


def conventions(op: str | None = None) -> Conventions:
    """Return the conventions at ties, kinks and singular points; of one op if ``op`` names it.

    Three rules come first. A zero gradient stays zero: where nothing depends on an element, an
    infinite slope is no reason for NaN. Weights at a tie sum to one, and are equal unless a row
    says otherwise. At a kink the value is that of the closed side which the definition names, or
    else the mean of both sides.

    >>> for row in conventions("sinc")[:1]:
    ...     print(row.point, "->", row.derivative)
    sinc at 0 -> 0, and -π²/3 at order 2
    """
    if op is None:
        return _ROWS
    return Conventions(row for row in _ROWS if op in row.ops or not row.ops)


def _row(point: str, derivative: str, ops: str = "") -> Convention:
    return Convention(point, derivative, tuple(ops.split()))


_ROWS = Conventions(
    (
        _row("relu at 0", "0, as in 1[x > 0]", "relu"),
        _row(
            "leaky_relu, elu, selu at 0",
            "that of the left side: slope, α, λα",
            "leaky_relu elu selu",
        ),
        _row("maximum, minimum of equal values", "½ to each", "maximum minimum fmax fmin"),
        _row(
            "max, min along an axis, k equal extremes",
            "1/k to each",
            "max min nanmax nanmin ptp",
        ),
        _row("clip at a bound", "1 to the value, 0 to the bound", "clip"),
        _row("clip where the bounds meet or cross", "1 to the upper bound", "clip"),
        _row(
            "max, min with NaN among the values",
            "the value is NaN; the NaN elements share the gradient",
            "max min maximum minimum",
        ),
        _row(
            "remainder, fmod, floor_divide at a jump",
            "that of the smooth piece",
            "remainder fmod floor_divide",
        ),
        _row(
            "floor, ceil, rint, trunc, round, sign",
            "0 everywhere",
            "floor ceil rint trunc round fix sign",
        ),
        _row("abs at 0", "0", "absolute fabs"),
        _row("sqrt at 0", "infinite, as it is", "sqrt"),
        _row(
            "a norm, hypot, arctan2, std at the origin or of a constant",
            "0",
            "hypot arctan2 std nanstd norm vector_norm matrix_norm absolute",
        ),
        _row("x**0 at x = 0", "0 to x", "power float_power"),
        _row("x**y at x = 0, y ≥ 0", "0 to y", "power float_power"),
        _row(
            "products with zeros among the factors",
            "exact: the product of the others",
            "prod cumprod nanprod nancumprod cumulative_prod",
        ),
        _row("sinc at 0", "0, and -π²/3 at order 2", "sinc"),
        _row(
            "logaddexp, logsumexp, softmax of nothing but -inf",
            "equal weights",
            "logaddexp logaddexp2 logsumexp softmax log_softmax",
        ),
        _row("det of a singular matrix", "the adjugate; minors at order 2", "det"),
        _row(
            "singular values or eigenvalues alone, some repeated",
            "finite; their second derivative raises",
            "svd svdvals eigh eigvalsh eigvals eig",
        ),
        _row("an index that repeats, read", "the gradients are summed", "getitem take"),
        _row(
            "an index that repeats, written",
            "the write that won takes the gradient",
            "setitem put put_along_axis",
        ),
        _row(
            "sort, partition with equal values",
            "the order of a stable sort",
            "sort partition median quantile percentile nanmedian nanquantile nanpercentile",
        ),
        _row(
            "median of an even number of values",
            "½ to each of the two in the middle",
            "median nanmedian",
        ),
        _row("quantile in q, at an element", "that of the piece which begins there", "quantile"),
        _row(
            "median, quantile with NaN among the values",
            "the value is NaN; the NaN elements share the gradient",
            "median quantile percentile",
        ),
        _row(
            "interp at a knot",
            "that of the interval which begins there, at the last knot of the last; 0 beyond",
            "interp",
        ),
        _row(
            "unique, union1d of equal elements",
            "equal weights",
            "unique unique_values unique_all unique_counts unique_inverse union1d",
        ),
        _row("a singular value of zero", "0, as of |x| at 0", "svd svdvals norm matrix_norm"),
        _row(
            "singular vectors, eigenvectors used beyond their sign, phase or basis",
            "refused",
            "svd eigh eig",
        ),
        _row("entr at 0", "infinite, as it is", "entr"),
        _row("rel_entr, kl_div at (0, 0)", "0 to x", "rel_entr kl_div"),
        _row("any op, incoming gradient 0", "0, even where the derivative is infinite or NaN"),
        _row("an integer or boolean asked for a gradient", "a TypeError"),
        _row("empty arrays", "an empty gradient of their shape"),
    )
)
