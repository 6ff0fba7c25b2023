"""Statistics: order statistics, averages, covariances, histograms; and differences and integrals.

An order statistic is a weighted sum of the sorted elements. The weights are asked of NumPy itself:
the quantile of the places 0, 1, 2, ... is the place p between elements that q stands for, and so
the element at floor(p) has the weight 1 - (p - floor(p)), the next one the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..registry import defop, derived, known
from .indexing import plain
from .reduction import cast, joined, reduced_axes

# --- median, quantile, percentile -------------------------------------------------------------

#: The methods whose value depends on q smoothly between elements: p grows with n plus this.
_SLOPES = {
    "linear": -1.0,
    "interpolated_inverted_cdf": 0.0,
    "hazen": 0.0,
    "weibull": 1.0,
    "median_unbiased": 1.0 / 3.0,
    "normal_unbiased": 0.25,
}


class _Sorted:
    """The rows of ``x`` along the reduced axes, and where their sorted elements are.

    ``back`` gives an array of the rows its axes again; ``nan`` is where NaN is, None if nowhere;
    ``valid`` how many elements of each row are not NaN, all if there are only NaN.
    """

    __slots__ = ("back", "nan", "order", "rows", "valid")

    def __init__(
        self, rows: Any, back: Callable[[Any], Any], order: Any, nan: Any, valid: Any
    ) -> None:
        self.rows, self.back, self.order = rows, back, order
        self.nan, self.valid = nan, valid

    def places(
        self, fn: Any, q: Any, axis: Any, method: str, weights: Any
    ) -> Iterator[tuple[tuple[int, ...], Any, Any, Any, Any]]:
        """Yield where each quantile in ``q`` lies: between which elements of every row.

        It is (index in ``q``, position in the row, fraction, element below, element above).
        """
        n = self.rows.shape[-1]
        at = np.arange(float(n))
        params = {} if method == "linear" else {"method": method}
        if weights is not None:
            at = np.broadcast_to(at, self.rows.shape)
            params["weights"] = self._sorted(weights, axis)
        if self.nan is not None:
            # A NaN among them makes p NaN too, but for the functions that overlook it.
            at = np.where(at < self.valid, at, np.nan)
        p_all = fn(at, q, axis=-1, **params)
        for index in np.ndindex(np.shape(q)):
            p = p_all[index][..., None]
            low = np.floor(np.where(np.isnan(p), 0.0, p))
            # The last element is the end of a piece, unless it is the only one.
            low = np.minimum(low, np.maximum(self.valid - 2.0, 0.0))
            high = np.minimum(low + 1.0, self.valid - 1.0)
            yield index, p, p - low, self._at(low), self._at(high)

    def _at(self, place: Any) -> Any:
        place = np.broadcast_to(place.astype(int), (*self.rows.shape[:-1], 1))
        return np.take_along_axis(self.order, place, axis=-1)

    def _sorted(self, weights: Any, axis: Any) -> Any:
        shape = tuple(self.back(self.rows).shape)
        rows, _ = joined(np.broadcast_to(_fitting(plain(weights), shape, axis), shape), axis)
        return np.take_along_axis(rows, self.order, axis=-1)


def _sort(x: Any, axis: Any) -> _Sorted:
    rows, back = joined(x, axis)
    nan, n = np.isnan(rows), rows.shape[-1]
    order = _order(rows)
    if known(rows) and not np.any(nan):
        return _Sorted(rows, back, order, None, n)
    valid = n - np.sum(nan, axis=-1, keepdims=True)
    return _Sorted(rows, back, order, nan, np.where(valid == 0, n, valid))


def _order(rows: Any) -> Any:
    """Sort equal elements in the order they have; without any, the faster sort does that too."""
    if known(rows):
        order = np.argsort(rows, axis=-1)
        ascending = np.take_along_axis(rows, order, axis=-1)
        if not np.any(ascending[..., 1:] == ascending[..., :-1]):
            return order
    return np.argsort(rows, axis=-1, kind="stable")


def _quantile_x(
    fn: Any, g: Any, x: Any, q: Any, axis: Any = None, method: str = "linear", weights: Any = None
) -> Any:
    if x.size == 0 or 0 in np.shape(q):
        return np.zeros(x.shape, x.dtype)
    s = _sort(x, axis)
    at = np.arange(s.rows.shape[-1])
    total: Any = 0.0
    for index, p, fraction, low, high in s.places(fn, q, axis, method, weights):
        share = np.where(at == low, 1.0 - fraction, 0.0) + np.where(at == high, fraction, 0.0)
        if s.nan is not None:
            # A value that is NaN is due to every NaN alike, as in max and min.
            blame = np.isnan(p) | np.all(s.nan, axis=-1, keepdims=True)
            nans = np.maximum(np.sum(s.nan, axis=-1, keepdims=True), 1)
            share = np.where(blame, np.where(s.nan, 1.0 / nans, 0.0), share)
        g_row = np.reshape(g[index], (*s.rows.shape[:-1], 1))
        # An infinite gradient belongs to the elements that have a share in the value.
        g_row = np.where((share == 0.0) & np.logical_not(np.isfinite(g_row)), 0.0, g_row)
        total = total + g_row * share
    return s.back(total)


def _quantile_q(
    fn: Any, scale: float, g: Any, x: Any, q: Any, axis: Any, method: str, weights: Any
) -> Any:
    if method not in _SLOPES or x.size == 0 or 0 in np.shape(q):
        return np.zeros(np.shape(q), x.dtype)
    s = _sort(x, axis)
    slopes = []
    for index, p, _, low, high in s.places(fn, q, axis, method, weights):
        step = np.take_along_axis(s.rows, high, axis=-1) - np.take_along_axis(s.rows, low, axis=-1)
        if method != "linear":  # q beyond the first or last element makes no difference
            step = np.where((p > 0.0) & (p < s.valid - 1.0), step, 0.0)
        slope = (s.valid + _SLOPES[method]) * scale * step
        slopes.append(np.sum(np.reshape(g[index], slope.shape) * slope))
    return np.reshape(np.stack(slopes), np.shape(q))


def _declare_quantile(fn: Any, scale: float) -> None:
    def otherwise(
        a: Any,
        q: Any,
        axis: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
        *,
        weights: Any = None,
    ) -> Any:
        """Leave out ``overwrite_input``: a value in a graph is never written to."""
        return fn(a, q, axis=axis, method=method, keepdims=keepdims, weights=weights)

    defop(
        fn,
        lambda g, _out, x, q, axis=None, method="linear", keepdims=False, weights=None: _quantile_x(
            fn, g, x, q, axis, method, weights
        ),
        lambda g, _out, x, q, axis=None, method="linear", keepdims=False, weights=None: _quantile_q(
            fn, scale, g, x, q, axis, method, weights
        ),
        otherwise=otherwise,
    )


def _declare_median(fn: Any, quantile: Any) -> None:
    def otherwise(
        a: Any,
        axis: Any = None,
        overwrite_input: bool = False,
        keepdims: bool = False,
    ) -> Any:
        """Leave out ``overwrite_input``: a value in a graph is never written to."""
        return fn(a, axis=axis, keepdims=keepdims)

    defop(
        fn,
        lambda g, _out, x, axis=None, keepdims=False: _quantile_x(quantile, g, x, 0.5, axis),
        otherwise=otherwise,
    )


_declare_quantile(np.quantile, 1.0)
_declare_quantile(np.percentile, 0.01)
_declare_quantile(np.nanquantile, 1.0)
_declare_quantile(np.nanpercentile, 0.01)
_declare_median(np.median, np.quantile)
_declare_median(np.nanmedian, np.nanquantile)


# --- averages and covariances -----------------------------------------------------------------


def _fitting(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """``weights`` shaped so that they broadcast against an array of ``shape``."""
    if weights.shape == shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = reduced_axes(axis, len(shape))
    if weights.shape != tuple(shape[i] for i in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    weights = np.transpose(weights, tuple(axes.index(i) for i in sorted(axes)))
    return np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(shape)))


@derived(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """Mean weighted by ``weights``, and the sum of these where ``returned``."""
    a = cast(a, None)
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.sum(np.ones_like(a), axis=axis, keepdims=keepdims)
    else:
        weights = cast(weights, None)
        dtype = np.result_type(a.dtype, weights.dtype, *([] if a.dtype.kind in "fc" else [float]))
        weights = cast(_fitting(weights, a.shape, axis), dtype)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        if known(total) and np.any(total == 0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        result = np.sum(cast(a, dtype) * weights, axis=axis, keepdims=keepdims) / total
    return (result, np.broadcast_to(total, result.shape)) if returned else result


def _samples(x: Any, rowvar: bool, name: str, dtype: Any) -> Any:
    """A variable a row, an observation a column."""
    if x.ndim > 2:
        raise ValueError(f"{name} has more than 2 dimensions")
    x = cast(x, dtype)
    if x.ndim < 2:
        return np.reshape(x, (1, -1))
    return x if rowvar else np.transpose(x)


def _covariance(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Covariance matrix of the rows of ``m`` (and ``y``): ``(x - mean) (x - mean)ᴴ / (n - 1)``."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    m = cast(m, None)
    y = None if y is None else cast(y, None)
    if dtype is None:
        dtype = np.result_type(m.dtype, float, *([] if y is None else [y.dtype]))
    x = _samples(m, rowvar, "m", dtype)
    if y is not None and x.shape[0]:
        x = np.concatenate([x, _samples(y, rowvar or y.shape[0] == 1, "y", dtype)], axis=0)
    if ddof is None:
        ddof = 0 if bias else 1
    w = None
    if fweights is not None:
        w = fweights = _checked("fweights", fweights, x)
        if known(w) and np.any(w != np.rint(w)):
            raise TypeError("fweights must be integer")
    if aweights is not None:
        aweights = _checked("aweights", aweights, x)
        w = aweights if w is None else w * aweights
    mean, total = average(x, axis=1, weights=w, returned=True)
    if w is None:
        n: Any = x.shape[1] - ddof
    else:
        n = total[0]
        if ddof != 0 and aweights is None:
            n = n - ddof
        elif ddof != 0:
            n = n - ddof * np.sum(w * aweights) / n
    if known(n) and n <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        n = 0.0
    x = x - cast(mean[:, None], x.dtype)
    other = x if w is None else x * w
    if other.dtype.kind == "c":
        other = np.conj(other)
    scale = np.divide(1.0, n)
    if w is None:
        scale = float(scale)  # weak: the dtype is that of x
    return np.squeeze(np.matmul(x, np.transpose(other)) * scale)


def _checked(name: str, weights: Any, x: Any) -> Any:
    weights = cast(weights, float)
    if weights.ndim > 1:
        raise RuntimeError(f"cannot handle multidimensional {name}")
    if weights.shape[0] != x.shape[1]:
        raise RuntimeError(f"incompatible numbers of samples and {name}")
    if known(weights) and np.any(weights < 0):
        raise ValueError(f"{name} cannot be negative")
    return weights


derived(np.cov)(_covariance)


@derived(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """Correlation coefficients: the covariances divided by both standard deviations."""
    c = _covariance(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(_real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation[None, :]
    if c.dtype.kind == "c":
        return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)
    return np.clip(c, -1, 1)


def _real(x: Any) -> Any:
    return np.real(x) if x.dtype.kind == "c" else x


# --- differences and integrals ----------------------------------------------------------------


def _along(axis: int, start: int | None, stop: int | None) -> tuple[Any, ...]:
    """The index that takes ``start:stop`` of the given axis."""
    return (slice(None),) * axis + (slice(start, stop),)


def _axis_of(axis: Any, ndim: int) -> int:
    """``axis`` counted from the front; NumPy's error where there is none."""
    return np.lib.array_utils.normalize_axis_index(int(axis), ndim)


@derived(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours, ``n`` times over."""
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = cast(a, None)
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = _axis_of(axis, a.ndim)
    parts = [_end(part, a, axis) for part in (prepend, a, append) if part is not None]
    if len(parts) > 1:
        a = np.concatenate(parts, axis=axis)
    for _ in range(n):
        a = a[_along(axis, 1, None)] - a[_along(axis, None, -1)]
    return a


def _end(part: Any, a: Any, axis: int) -> Any:
    part = cast(part, None)
    if part.ndim:
        return part
    return np.broadcast_to(part, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))


@derived(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours in the flattened array, between two given ends."""
    a = np.ravel(cast(ary, None))
    parts = [a[1:] - a[:-1]]
    for name, end, place in (("to_begin", to_begin, 0), ("to_end", to_end, len(parts) + 1)):
        if end is not None:
            end = cast(end, None)
            if not np.can_cast(end.dtype, a.dtype, casting="same_kind"):
                raise TypeError(
                    f"dtype of `{name}` must be compatible with input `ary` under the "
                    "`same_kind` rule."
                )
            parts.insert(place, np.ravel(cast(end, a.dtype)))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


@derived(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order differences inside, one-sided ones of ``edge_order`` at the edges, per axis."""
    f = cast(f, None)
    if f.dtype.kind not in "fc":
        f = cast(f, float)
    axes = range(f.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, f.ndim)
    spacings = varargs or (1.0,)
    if len(spacings) == 1 and np.ndim(spacings[0]) == 0:
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise TypeError("invalid number of arguments")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order must be 1 or 2 (got {edge_order!r})")
    slopes = [_slope(f, h, i, edge_order) for i, h in zip(axes, spacings, strict=True)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _slope(f: Any, h: Any, axis: int, edge_order: int) -> Any:
    n = f.shape[axis]
    if np.ndim(h):
        h = cast(h, None)
        if h.ndim != 1:
            raise ValueError("distances must be either scalars or 1d")
        if h.shape[0] != n:
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
            )
        if h.dtype.kind in "iu":  # differences of unsigned integers wrap around
            h = cast(h, float)
    if n < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least "
            "(edge_order + 1) elements are required."
        )

    def part(start: int | None, stop: int | None = None) -> Any:
        return f[_along(axis, start, stop)]

    if np.ndim(h) == 0:
        first = last = h
        inner = (part(2) - part(None, -2)) / (2.0 * h)
    else:
        steps = np.reshape(h[1:] - h[:-1], (-1,) + (1,) * (f.ndim - 1 - axis))
        first, last = steps[:1], steps[-1:]
        a, b = steps[:-1], steps[1:]
        inner = (
            -b / (a * (a + b)) * part(None, -2)
            + (b - a) / (a * b) * part(1, -1)
            + a / (b * (a + b)) * part(2)
        )
    if edge_order == 1:
        ends = (part(1, 2) - part(0, 1)) / first, (part(-1) - part(-2, -1)) / last
    else:
        second, before = (h, h) if np.ndim(h) == 0 else (steps[1:2], steps[-2:-1])
        ends = (
            _edge(part(0, 1), part(1, 2), part(2, 3), first, second),
            -_edge(part(-1), part(-2, -1), part(-3, -2), last, before),
        )
    return cast(np.concatenate([ends[0], inner, ends[1]], axis=axis), f.dtype)


def _edge(f0: Any, f1: Any, f2: Any, a: Any, b: Any) -> Any:
    """The slope at the first of three points that are ``a`` and then ``b`` apart."""
    return -(2.0 * a + b) / (a * (a + b)) * f0 + (a + b) / (a * b) * f1 - a / (b * (a + b)) * f2


@derived(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integral by the trapezoidal rule, over ``x`` or with spacing ``dx``."""
    y = cast(y, None)
    axis = _axis_of(axis, y.ndim)
    if x is not None:
        x = cast(x, None)
        if x.ndim == 1:
            dx = np.reshape(x[1:] - x[:-1], (-1,) + (1,) * (y.ndim - 1 - axis))
        else:
            dx = np.diff(x, axis=axis)
    return np.sum(dx * (y[_along(axis, 1, None)] + y[_along(axis, None, -1)]) / 2.0, axis=axis)


# --- counting ---------------------------------------------------------------------------------

defop(np.histogram, None)
defop(np.histogram_bin_edges, None)
defop(np.histogram2d, None, None)
# The weights are added up in their bins.
defop(
    np.bincount,
    None,
    lambda g, _out, x, _weights, minlength=0: g[x],
    kind="linear",
    signature="x weights minlength",
)
