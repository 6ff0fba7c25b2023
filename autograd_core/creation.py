"""Tensors made from scratch: the creation functions of the array API standard.

Each takes the standard's ``dtype`` and ``device`` and, beyond it, ``requires_grad``. Where neither
``dtype`` nor an argument says what floating dtype is meant, it is the default one
(`default_dtype`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import tensor
from .settings import get_default_dtype
from .tensor import Tensor, value_of, wrap

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "zeros",
    "zeros_like",
]


def asarray(
    obj: Any,
    dtype: Any = None,
    *,
    device: Any = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of anything that NumPy makes an array of; a tensor is returned as it is.

    Memory is shared where it can be, never with ``copy=True``; with ``copy=False`` a ValueError
    says where it can't.

    >>> values = np.zeros(2)
    >>> t = asarray(values)
    >>> values[0] = 1.0
    >>> t
    Tensor([1., 0.], dtype=float64)
    """
    check_device(device, obj)
    if copy is False and not _shareable(obj, dtype):
        raise ValueError(
            f"asarray: {type(obj).__name__} cannot become a tensor of dtype {dtype or 'its own'} "
            "without a copy; leave out copy=False"
        )
    made = tensor.asarray(obj, dtype)
    if copy and (made is obj or np.may_share_memory(made._value, value_of(obj))):
        made = made.clone()
    return _finished(made, requires_grad)


def _shareable(obj: Any, dtype: Any) -> bool:
    own = getattr(obj, "dtype", None)
    if own is None:
        try:
            own = memoryview(obj).format
        except TypeError:
            return False
    return not isinstance(obj, np.generic) and (dtype is None or np.dtype(own) == np.dtype(dtype))


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Make a tensor of another library's array, by the DLPack protocol.

    >>> from_dlpack(np.arange(2.0))
    Tensor([0., 1.], dtype=float64)
    """
    check_device(device)
    array = np.from_dlpack(x)
    return wrap(array.copy() if copy else array, None)


def empty(
    shape: Any, dtype: Any = None, *, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor whose elements are whatever the memory held."""
    return _made(np.empty(_shape(shape), _float(dtype)), device, requires_grad)


def zeros(
    shape: Any, dtype: Any = None, *, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros.

    >>> zeros((2,), dtype="float32")
    Tensor([0., 0.], dtype=float32)
    """
    return _made(np.zeros(_shape(shape), _float(dtype)), device, requires_grad)


def ones(
    shape: Any, dtype: Any = None, *, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones.

    >>> ones(2, requires_grad=True)
    Tensor([1., 1.], dtype=float64, requires_grad=True)
    """
    return _made(np.ones(_shape(shape), _float(dtype)), device, requires_grad)


def full(
    shape: Any,
    fill_value: Any,
    dtype: Any = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one value; the gradient flows to a value that is a tensor itself.

    >>> full(2, 3)
    Tensor([3, 3], dtype=int64)
    """
    shape = _shape(shape)
    if isinstance(fill_value, Tensor):
        check_device(device)
        return _finished(_repeated(fill_value, shape, dtype), requires_grad)
    dtype = _like_number(fill_value) if dtype is None else dtype
    return _made(np.full(shape, fill_value, dtype), device, requires_grad)


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    k: int = 0,
    dtype: Any = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A matrix with ones on the diagonal ``k`` above the main one, zeros elsewhere.

    >>> eye(2)
    Tensor([[1., 0.],
            [0., 1.]], dtype=float64)
    """
    return _made(np.eye(n_rows, n_cols, k, _float(dtype)), device, requires_grad)


def arange(
    start: Any,
    stop: Any = None,
    step: Any = 1,
    dtype: Any = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers from ``start`` (0 if only one is given) to before ``stop``.

    >>> arange(3), arange(1.0, 2.0, 0.5)
    (Tensor([0, 1, 2], dtype=int64), Tensor([1. , 1.5], dtype=float64))
    """
    ends = [_number(x) for x in ((0, start) if stop is None else (start, stop))]
    numbers = (*ends, _number(step))
    if dtype is None and any(isinstance(x, float) for x in numbers):
        dtype = np.result_type(get_default_dtype(), *(x for x in numbers if hasattr(x, "dtype")))
    return _made(np.arange(*numbers, dtype=dtype), device, requires_grad)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: Any = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers at equal distances from ``start`` to ``stop``, along a new first axis.

    ``start + (stop - start) k / (num - 1)``; the gradient flows to ends that are tensors.

    >>> linspace(0.0, 1.0, 3)
    Tensor([0. , 0.5, 1. ], dtype=float64)
    """
    if isinstance(start, Tensor) or isinstance(stop, Tensor):
        check_device(device)
        return _finished(_between(start, stop, num, endpoint, dtype), requires_grad)
    if dtype is None and not (hasattr(start, "dtype") or hasattr(stop, "dtype")):
        dtype = _like_number(1j if np.iscomplexobj([start, stop]) else 1.0)
    return _made(np.linspace(start, stop, num, endpoint, dtype=dtype), device, requires_grad)


def _between(start: Any, stop: Any, num: int, endpoint: bool, dtype: Any) -> Tensor:
    ends = np.broadcast_arrays(start, stop)
    start, stop = (x if x.dtype.kind in "fc" else x.astype(get_default_dtype()) for x in ends)
    steps = max(num - 1 if endpoint else num, 1)
    k = np.reshape(np.arange(num, dtype=start.real.dtype), (num,) + (1,) * start.ndim)
    points: Any = k * ((stop - start) / float(steps)) + start
    if endpoint and num > 1:
        points = np.where(k == num - 1, stop, points)  # exactly, whatever rounding does
    return points if dtype is None else points.astype(dtype)  # type: ignore[no-any-return]


def empty_like(
    x: Any, dtype: Any = None, *, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of the shape and dtype of ``x``, its elements whatever the memory held."""
    return _made(np.empty_like(_array(x), dtype), device, requires_grad, x)


def zeros_like(
    x: Any, dtype: Any = None, *, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of zeros of the shape and dtype of ``x``."""
    return _made(np.zeros_like(_array(x), dtype), device, requires_grad, x)


def ones_like(
    x: Any, dtype: Any = None, *, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of ones of the shape and dtype of ``x``."""
    return _made(np.ones_like(_array(x), dtype), device, requires_grad, x)


def full_like(
    x: Any,
    fill_value: Any,
    dtype: Any = None,
    *,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of one value, of the shape and dtype of ``x``; see `full`."""
    x = _array(x)
    if isinstance(fill_value, Tensor):
        check_device(device, x)
        dtype = x.dtype if dtype is None else dtype
        return _finished(_repeated(fill_value, x.shape, dtype), requires_grad)
    return _made(np.full_like(x, fill_value, dtype), device, requires_grad, x)


def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the bins of `fft`, in cycles per unit of the spacing ``d``.

    >>> fftfreq(4)
    Tensor([ 0.  ,  0.25, -0.5 , -0.25], dtype=float64)
    """
    check_device(device)
    return tensor.asarray(np.fft.fftfreq(n, d)).astype(_float(dtype))


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the bins of `rfft`, in cycles per unit of the spacing ``d``.

    >>> rfftfreq(4)
    Tensor([0.  , 0.25, 0.5 ], dtype=float64)
    """
    check_device(device)
    return tensor.asarray(np.fft.rfftfreq(n, d)).astype(_float(dtype))


def check_device(device: Any, x: Any = None) -> None:
    """Raise for a device that is not the one where ``x`` is, or where arrays are made.

    Raises:
        ValueError: for anything but ``None`` and that device, which is ``"cpu"`` for NumPy.
    """
    here = getattr(value_of(x), "device", "cpu")
    if device is not None and device != here:
        raise ValueError(
            f"device {device!r}: the value is an array on {here!r}, and goes nowhere else by "
            "itself. Hand asarray an array of another library, CuPy for example"
        )


def _made(value: Any, device: Any, requires_grad: bool, x: Any = None) -> Tensor:
    check_device(device, x)
    return _finished(tensor.asarray(value), requires_grad)


def _finished(t: Tensor, requires_grad: bool) -> Tensor:
    return t.requires_grad_() if requires_grad else t


def _repeated(value: Tensor, shape: tuple[int, ...], dtype: Any) -> Tensor:
    if dtype is not None and value.dtype != dtype:
        value = value.astype(dtype)
    return np.broadcast_to(value, shape).clone()  # type: ignore[attr-defined,no-any-return]


def _float(dtype: Any) -> Any:
    return get_default_dtype() if dtype is None else dtype


def _like_number(x: Any) -> Any:
    """The default dtype for a Python number, or None where NumPy knows."""
    if type(x) is complex:
        return np.result_type(get_default_dtype(), np.complex64)
    return get_default_dtype() if type(x) is float else None


def _number(x: Any) -> Any:
    """A bound of `arange`: no tensor, which `arange` would take for an array of many."""
    if type(x) is Tensor:
        if x.requires_grad:
            float(x)  # raises, and says what to do
        x = x.data[()]
    return x


def _shape(shape: Any) -> Any:
    return tuple(int(n) for n in shape) if type(shape) is Tensor else shape


def _array(x: Any) -> Any:
    x = value_of(x)
    return x if hasattr(x, "dtype") else np.asarray(x)
