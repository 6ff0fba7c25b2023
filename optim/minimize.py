"""Full-batch training: SciPy's methods, with the gradients and Hessians of the engine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

import autograd_core as ag
from autograd_core import Tensor

from .optimizers.groups import check_parameters
from .options import nearest

__all__ = ["minimize"]

#: SciPy's methods that use a gradient, and the argument by which each gets second derivatives.
METHODS: dict[str, str | None] = {
    "CG": None,
    "BFGS": None,
    "L-BFGS-B": None,
    "TNC": None,
    "SLSQP": None,
    "Newton-CG": "hessp",
    "trust-ncg": "hessp",
    "trust-krylov": "hessp",
    "trust-constr": "hessp",
    "trust-exact": "hess",
    "dogleg": "hess",
}


def minimize(
    loss: Callable[[], Tensor],
    parameters: Iterable[Tensor],
    method: str = "L-BFGS-B",
    *,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
    callback: Callable[[Any], Any] | None = None,
) -> Any:
    """Minimize ``loss()`` over parameters by a method of ``scipy.optimize.minimize``.

    Args:
        loss: takes nothing and returns a scalar tensor computed from the parameters, the same
            for the same values (no dropout, the whole data).
        parameters: leaf tensors; frozen ones are left alone, and so is every ``grad``.
        method: one of SciPy's that use gradients. Newton-CG, trust-ncg, trust-krylov and
            trust-constr get products with the Hessian, trust-exact and dogleg the Hessian itself.
        tol: when to stop, see SciPy.
        options: those of the method, for instance ``{"maxiter": 100}``.
        callback: called with an ``OptimizeResult`` after each iteration, the parameters being those
            of the iteration; may raise ``StopIteration`` to end.

    Returns:
        SciPy's ``OptimizeResult``, of the lowest loss that was met; the parameters are left there.
        ``x`` is all parameters in a row, in float64, in which SciPy works; parameters in float32
        are rounded, and their loss is only as smooth as that.

    An error, in ``loss`` or elsewhere, leaves the parameters as they were before; after Ctrl-C they
    are the best so far. Needs SciPy: ``pip install 'autograd-core[scipy]'``.

    >>> w = Tensor([-1.2, 1.0], requires_grad=True)
    >>> result = minimize(lambda: 100.0 * (w[1] - w[0] ** 2) ** 2 + (1.0 - w[0]) ** 2, [w])
    >>> result.success, w.data.round(3)
    (True, array([1., 1.]))
    """
    try:
        import scipy.optimize
    except ImportError as error:
        raise ImportError(
            "optim.minimize needs SciPy: pip install 'autograd-core[scipy]'"
        ) from error
    name = _method(method)
    if not callable(loss):
        hint = ": write lambda: ..." if isinstance(loss, Tensor) else ""
        raise TypeError(f"minimize: loss must be a function without arguments, not {loss!r}{hint}")
    if callback is not None and not callable(callback):
        raise TypeError(f"minimize: callback must be a function of the result, not {callback!r}")
    if options is not None and not isinstance(options, Mapping):
        raise TypeError(f"minimize: options must be a dict, as {{'maxiter': 100}}, not {options!r}")
    problem = _Problem(loss, check_parameters(parameters, "minimize"))
    start = problem.read()
    kwargs: dict[str, Any] = {"method": name, "jac": True, "tol": tol}
    if METHODS[name] == "hessp":
        kwargs["hessp"] = problem.product
    elif METHODS[name] == "hess":
        kwargs["hess"] = problem.hessian
    if options is not None:
        kwargs["options"] = dict(options)
    if callback is not None:
        kwargs["callback"] = problem.reporting(callback)
    try:
        value = problem.value_and_gradient(start)[0]
        if not math.isfinite(value):
            raise ValueError(f"minimize: the loss is {value} before the first step")
        result = scipy.optimize.minimize(problem.value_and_gradient, start, **kwargs)
    except Exception as error:
        if not (problem.stopped and isinstance(error, StopIteration)):
            problem.restore()
            raise
        # TNC lets it through, where the others end.
        fun, x, jac = problem.best
        result = scipy.optimize.OptimizeResult(
            fun=fun, x=x, jac=jac, success=False, status=99, message=f"callback: {error!r}"
        )
    except BaseException:
        problem.write(problem.best[1])
        raise
    problem.finish(result)
    return result


def _method(method: str) -> str:
    known = {name.lower(): name for name in METHODS}
    if not isinstance(method, str):
        raise TypeError(f"minimize: the name of a method, not {method!r}")
    if method.lower() not in known:
        found = nearest(method, METHODS)
        raise ValueError(f"minimize: no method {method!r} that uses gradients: {found}")
    return known[method.lower()]


@final
class _Problem:
    """The loss as a function of one vector in float64, with its first and second derivatives."""

    def __init__(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> None:
        self.loss = loss
        self.parameters = [p for p in parameters if p.requires_grad]
        if not self.parameters:
            raise ValueError("minimize: none of the parameters requires a gradient")
        for p in self.parameters:
            if p.dtype.kind == "c":
                raise TypeError(
                    f"minimize: a parameter is {p.dtype}, and SciPy's methods are for real "
                    "numbers: use two parameters for the two parts"
                )
        self._before = [p._value for p in self.parameters]
        #: The lowest loss so far, where it was, and its gradient there.
        self.best: tuple[float, NDArray[Any], NDArray[Any]] = (math.inf, self.read(), np.empty(0))
        #: Whether the callback has asked to end.
        self.stopped = False
        # The recorded gradient for products with the Hessian, and where it was recorded.
        self._at: NDArray[Any] | None = None
        self._slopes: list[Tensor] = []

    def read(self) -> NDArray[Any]:
        """All parameters in a row."""
        return _row([p._value for p in self.parameters])

    def write(self, x: NDArray[Any]) -> None:
        """Give the parameters the values of a vector, in arrays of their own."""
        start = 0
        for p in self.parameters:
            part = x[start : start + p.size].reshape(p.shape)
            p._swap(part.astype(p.dtype))
            start += p.size

    def restore(self) -> None:
        """Give the parameters the very arrays that they had."""
        for p, value in zip(self.parameters, self._before, strict=True):
            p._swap(value)

    def _loss(self) -> Tensor:
        found = self.loss()
        if not isinstance(found, Tensor) or found.size != 1:
            what = f"shape {found.shape}" if isinstance(found, Tensor) else f"{found!r}"
            raise TypeError(f"minimize: loss() must return a scalar Tensor, not {what}")
        if not found.requires_grad:
            raise ValueError(
                "minimize: loss() does not depend on any of the parameters, or was computed under "
                "no_grad()"
            )
        return found.reshape(())

    def value_and_gradient(self, x: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """The loss at x and its gradient."""
        self.write(x)
        found = self._loss()
        gradient = _row([g._value for g in ag.gradients(found, self.parameters)])
        value = float(found.item())
        if value < self.best[0]:
            self.best = (value, np.array(x), gradient)
        return value, gradient

    def product(self, x: NDArray[Any], vector: NDArray[Any], *_: Any) -> NDArray[Any]:
        """The Hessian at x times a vector; what is recorded at x serves for many vectors."""
        if self._at is None or not np.array_equal(self._at, x):
            self.write(x)
            self._slopes = ag.gradients(self._loss(), self.parameters, create_graph=True)
            self._at = np.array(x)
        weights, start = [], 0
        for p in self.parameters:
            weights.append(vector[start : start + p.size].reshape(p.shape).astype(p.dtype))
            start += p.size
        found = ag.gradients(self._slopes, self.parameters, weights)
        return _row([g._value for g in found])

    def hessian(self, x: NDArray[Any], *_: Any) -> NDArray[Any]:
        """The Hessian at x, a column at a time."""
        columns = [self.product(x, unit) for unit in np.eye(x.size)]
        found: NDArray[Any] = np.array(columns)
        return found

    def reporting(self, callback: Callable[[Any], Any]) -> Callable[..., Any]:
        """The callback with the parameters at the iterate."""
        from scipy.optimize import OptimizeResult

        # By this name SciPy knows that a callback wants a result; TNC gives x alone even so.
        def call(intermediate_result: Any) -> Any:
            if isinstance(intermediate_result, np.ndarray):
                intermediate_result = OptimizeResult(x=np.array(intermediate_result))
            self.write(intermediate_result.x)
            try:
                return callback(intermediate_result)
            except StopIteration:
                self.stopped = True
                raise

        return call

    def finish(self, result: Any) -> None:
        """Leave the parameters at the lowest loss, and have the result say the same."""
        if not result.fun <= self.best[0]:  # NaN neither
            result.fun, result.x, result.jac = self.best
        self.write(result.x)


def _row(arrays: list[Any]) -> NDArray[Any]:
    return np.concatenate([np.asarray(a).reshape(-1) for a in arrays], dtype=np.float64)
