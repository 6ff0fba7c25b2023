"""The tensor: a value, and a handle on the node that remembers how it was computed."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from . import backprop, hooks, record, settings
from .errors import GradientError, InPlaceError, NotDifferentiableError
from .graph import Node, leaf, mark_overwritten
from .hooks import HookHandle
from .methods import TensorMethods
from .ops import special
from .ops.indexing import _setitem
from .ops.shape import _cast
from .registry import OPS, Op, call, call_method, known, running, undeclared
from .values import array_of, computed, is_complex, refuse_complex, refuse_subclass
from .views import GETITEM, SETITEM, frozen, is_owned, refuse_view, show

__all__ = ["LIFT", "Tensor", "asarray", "declared_late"]

#: Versions of the array API standard whose functions are in the package's namespace.
API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")

CAST = OPS[_cast]


class Tensor(TensorMethods):
    """An array, and what is needed to differentiate what is computed from it.

    Args:
        data: anything NumPy makes an array of; it is copied (`asarray` shares it).
        requires_grad: record what is done with it, so that ``backward`` can find the gradient.
        dtype: of the value; Python floats get the default dtype (`default_dtype`).
        name: for error messages and drawings.

    Raises:
        TypeError: an integer or boolean value with ``requires_grad``, or a list of tensors.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    array([2., 4.])
    """

    # Two are set on few tensors only: `_resting`, the node of a leaf that stopped requiring a
    # gradient, and `_view`, whether the value is a view of another tensor's.
    __slots__ = ("__weakref__", "_name", "_node", "_resting", "_value", "_view")

    _value: Any
    _node: Node | None
    _name: str | None
    _resting: Node
    _view: bool

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        if isinstance(data, Tensor) and (data._node is not None or type(data) is not Tensor):
            raise NotDifferentiableError(
                f"Tensor({data._describe()}) would cut it from the graph unseen: use t.clone() for "
                "a copy through which gradients flow, t.detach() for one through which none do"
            )
        value = _as_value(data, dtype, copy=True)
        self._value = value
        self._node = None
        self._name = name
        if name is not None:
            record.named(value, name)
        if requires_grad:
            self.requires_grad_()

    def __init_subclass__(cls, *, internal: bool = False) -> None:
        if not internal:  # `vmap` has one, so that NumPy and Python ask it first
            raise TypeError(
                "Tensor is final: hold one as an attribute instead of inheriting from it"
            )

    # --- the value ------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The value as an array, shared. Assign to replace it: ``p.data = p.data - step``."""
        value = self._value
        if isinstance(value, np.generic):
            # From now on writes to the array that was handed out must be seen here.
            value = self._value = np.asarray(value)
        return value

    @data.setter
    def data(self, new: Any) -> None:
        old = self._value
        if (
            isinstance(old, np.ndarray)
            and isinstance(new, np.ndarray)
            and (new is old or np.may_share_memory(new, old))
        ):
            # `t.data -= step` wrote into the published array before it came here.
            mark_overwritten(old, self._describe())
        node = self._node
        if node is not None and node.op is not None:
            raise InPlaceError(
                f"{self._describe()} was computed by {node.op.name}: its data cannot be assigned. "
                "Use t.detach() for a tensor of its own."
            )
        value = _as_value(new, None, copy=False)
        if node is not None:
            if value.shape != node.shape:
                raise ValueError(
                    f"{self._describe()}: data of shape {value.shape} cannot replace shape "
                    f"{node.shape}; make a new Tensor"
                )
            if value.dtype != node.dtype:
                value = value.astype(node.dtype)
        self._value = value

    def _swap(self, new: Any) -> None:
        """Publish another array of the same shape and dtype as the value: for optimizers."""
        self._value = new

    @property
    def grad(self) -> Any:
        """The gradient that ``backward`` left here, an array; None before.

        It leaves one at leaves, and where `retain_grad` asks for it.
        """
        node = self._node
        return None if node is None else node.grad

    @grad.setter
    def grad(self, new: Any) -> None:
        node = self._node
        if node is None or node.op is not None:
            raise GradientError(f"{self._describe()} is no leaf that requires a gradient")
        if new is not None:
            new = new._value if type(new) is Tensor else new
            if not hasattr(new, "__array_function__"):
                new = np.asarray(new)
            refuse_complex(new, node.dtype)
            new = new.astype(node.dtype, copy=False)
            if new.shape != node.shape:
                raise ValueError(
                    f"{self._describe()}: a gradient of shape {new.shape} does not fit its shape "
                    f"{node.shape}"
                )
        node.grad = new

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        shape: tuple[int, ...] = self._value.shape
        return shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._value.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(self._value.size)

    @property
    def dtype(self) -> Any:
        """NumPy's dtype of the value."""
        return self._value.dtype

    @property
    def T(self) -> Tensor:
        """The tensor with its axes reversed."""
        return np.transpose(self)  # type: ignore[return-value]

    @property
    def real(self) -> Tensor:
        """The real part."""
        return np.real(self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part; zeros of a real tensor."""
        return np.imag(self)

    def conj(self) -> Tensor:
        """The complex conjugate."""
        return np.conjugate(self)  # type: ignore[return-value]

    @property
    def mT(self) -> Tensor:
        """The stack of transposed matrices: the last two axes swapped."""
        return np.matrix_transpose(self)  # type: ignore[return-value]

    @property
    def device(self) -> Any:
        """Where the value is: ``"cpu"`` for NumPy's arrays."""
        return getattr(self._value, "device", "cpu")

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """The tensor itself, if it is there already; values go to no other device."""
        if device != self.device:
            raise ValueError(
                f"to_device: {self._describe()} is on {self.device!r} and cannot go to {device!r}; "
                "make a tensor of another library's array, CuPy's for example"
            )
        return self

    @property
    def name(self) -> str | None:
        """For error messages and drawings."""
        return self._name if self._node is None else self._node.name

    @name.setter
    def name(self, new: str | None) -> None:
        self._name = new
        if self._node is not None:
            self._node.name = new
        else:
            record.named(self._value, new)

    def item(self) -> Any:
        """The value of a tensor of one element, as a Python number."""
        value = self._value
        return value.item() if known(value) else computed(value).item()

    def numpy(self) -> Any:
        """The value as an array, shared; raises where ``np.asarray`` does."""
        return self.__array__()

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        value = self._value
        return value.tolist() if known(value) else computed(value).tolist()

    def detach(self) -> Tensor:
        """A tensor of the same value, shared until either is changed, that has no graph."""
        return wrap(self._value, None)

    def clone(self) -> Tensor:
        """A copy, through which gradients flow."""
        return call(CAST, (self,), {"dtype": self.dtype})  # type: ignore[no-any-return]

    def astype(self, dtype: Any, *, copy: bool = True) -> Tensor:
        """A copy with another dtype; the gradient comes back in this one.

        With ``copy=False`` a tensor that has this dtype already is returned as it is.
        """
        if not copy and self.dtype == dtype:
            return self
        if np.dtype(dtype).kind not in "fc":
            value = self._value
            return wrap((np.asarray(value) if known(value) else value).astype(dtype), None)
        return call(CAST, (self,), {"dtype": np.dtype(dtype)})  # type: ignore[no-any-return]

    # --- the graph ------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether this is a leaf that collects a gradient, or was computed from one."""
        return self._node is not None

    def requires_grad_(self, flag: bool = True) -> Tensor:
        """Make this leaf collect a gradient, or stop; returns the tensor itself."""
        node = self._node
        if node is not None and node.op is not None:
            if flag:
                return self
            raise GradientError(
                f"{self._describe()} was computed by {node.op.name}; use t.detach() to leave the "
                "graph"
            )
        if flag and node is None:
            node = getattr(self, "_resting", None)
            value = self._value
            if node is not None and (node.shape, node.dtype) == (value.shape, value.dtype):
                self._node = node  # graphs that were recorded before know this one
                node.name = self._name
                return self
            if value.dtype.kind not in "fc":
                raise NotDifferentiableError(
                    f"a Tensor of dtype {value.dtype} cannot require a gradient: only floating and "
                    "complex values have one. Pass dtype=float, or leave requires_grad out."
                )
            self._node = leaf(value.shape, value.dtype, self._name)
            watch = record.watcher.get()
            if watch is not None:
                watch.made(self._node, value)
        elif not flag and node is not None:
            self._resting, self._node, self._name = node, None, node.name
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether nothing that is recorded computed this tensor."""
        return self._node is None or self._node.op is None

    @property
    def op(self) -> Op | None:
        """The op that computed this tensor; None for a leaf."""
        return None if self._node is None else self._node.op

    @property
    def parents(self) -> tuple[Node, ...]:
        """The nodes of the tracked operands; each has parents and local_derivatives in turn.

        A node's own ``parents`` has a place for each operand, with None where one is untracked.
        """
        return () if self._node is None else tuple(p for p in self._node.parents if p is not None)

    @property
    def local_derivatives(self) -> tuple[Callable[[Any], Any], ...]:
        """For each of ``parents`` the function from a gradient here to the gradient there.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> [float(d(np.float64(1.0))) for d in (x * x).local_derivatives]
        [3.0, 3.0]
        """
        return () if self._node is None else self._node.local_derivatives

    def backward(self, grad: Any = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to the ``grad`` of every leaf that it depends on.

        ``grad`` weights the elements, and may be left out for a single one. What the graph kept
        is released, unless ``retain_graph``.

        Raises:
            GradientError: nothing to differentiate, or no ``grad`` for many elements, or one of
                another shape; ReleasedError on a second call; OverwrittenError if a kept array
                was overwritten. No gradient is changed then.
        """
        node = self._node
        if node is None:
            raise GradientError(
                "backward: this tensor depends on no leaf with requires_grad=True. Make one, "
                "and compute outside no_grad()."
            )
        backprop.backward(node, self._seed(grad), retain_graph)

    def _seed(self, grad: Any) -> Any:
        value = self._value
        if grad is None:
            if value.size != 1:
                raise GradientError(
                    f"backward of a tensor of shape {value.shape} needs a gradient of that shape, "
                    "or reduce it to one number first, with t.sum() for example"
                )
            if value.dtype.kind == "c":
                raise GradientError(
                    "backward of a complex value needs a gradient: the derivative of a complex "
                    "number along itself is not one number. Make it real first, with abs(t) or "
                    "t.real for example, or pass grad"
                )
            # A scalar stays a scalar: NumPy is several times faster on those than on 0-d arrays.
            scalar = value.ndim == 0 and known(value)
            return value.dtype.type(1.0) if scalar else np.ones_like(value)
        grad = grad._value if type(grad) is Tensor else grad
        if not hasattr(grad, "__array_function__"):
            grad = np.asarray(grad)
        backprop.check_seed(value.shape, grad)
        refuse_complex(grad, value.dtype)
        grad = grad.astype(value.dtype, copy=False)
        if known(grad):
            return grad[()] if known(value) else grad * np.ones_like(value)
        return grad

    def register_hook(self, function: Callable[[Any], Any]) -> HookHandle:
        """Have ``function`` called with this tensor's gradient once each backward pass has it.

        The gradient is whole, in PyTorch's convention where complex: a read-only array, or a
        tensor where gradients are recorded (``create_graph``). What is returned replaces it, None
        leaves it as it is. Hooks of one tensor run in order of registration; those of computed
        tensors run from the newest tensor to the oldest, then those of leaves likewise. Where no
        gradient arrives none is called, nor by forward mode or for a drawing.

        Args:
            function: takes an array of this shape and dtype; returns one, or None.

        Returns:
            A handle, whose ``remove()`` takes the hook away, as does the end of a ``with handle:``
            block. Copies, clones and pickles of the tensor have no hooks.

        Raises:
            GradientError: this tensor requires no gradient; or, in the backward pass, what was
                returned has another shape or kind of dtype. No gradient is changed by an error.

        >>> w = Tensor([3.0, 40.0], requires_grad=True)
        >>> handle = w.register_hook(lambda g: np.clip(g, -10.0, 10.0))
        >>> (w * w).sum().backward()
        >>> w.grad
        array([ 6., 10.])
        """
        if not callable(function):
            raise TypeError(f"register_hook takes a function, not {type(function).__name__}")
        return hooks.register(self._tracked("register_hook"), function)

    def retain_grad(self) -> None:
        """Have backward leave the gradient of this computed tensor in ``grad``, as for a leaf.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> y = x * x
        >>> y.retain_grad()
        >>> (2.0 * y).backward()
        >>> y.grad
        array(2.)
        """
        node = self._tracked("retain_grad")
        if node.op is not None:
            hooks.retain(node)

    def _tracked(self, what: str) -> Node:
        if self._node is None:
            raise GradientError(
                f"{what}: no gradient reaches {self._describe()}, which is not tracked: make it "
                "with requires_grad=True, or compute it from such a tensor outside no_grad()"
            )
        return self._node

    def zero_grad(self) -> None:
        """Forget the gradient collected so far."""
        node = self._node or getattr(self, "_resting", None)
        if node is not None:
            node.grad = None

    def _describe(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        kind = "leaf" if self.is_leaf else "tensor"
        return f"{kind}{name} of shape {self.shape}"

    # --- NumPy's protocols ------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            return call_method(ufunc, method, inputs, kwargs)
        op = OPS.get(ufunc) or declared_late(ufunc)
        if kwargs:
            if "out" in kwargs and len(kwargs["out"]) == 1:
                (kwargs["out"],) = kwargs["out"]
        elif op.binary is not None:
            result = op.binary(*inputs)
            if result is not NotImplemented:
                return result
        return call(op, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        op = OPS.get(func)
        if op is None:
            raise undeclared(func)
        return call(op, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if self._node is not None:
            raise NotDifferentiableError(
                f"a tensor that requires a gradient ({self._describe()}) cannot become a plain "
                "array, which would cut it from the graph unseen. Use t.detach().numpy() to leave "
                "the graph, np.stack to join tensors, or the function of the same name in "
                "autograd_core."
            )
        return np.array(self.data, dtype=dtype, copy=copy)

    # --- the array API standard's protocols ---------------------------------------------------

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        if api_version not in (None, *API_VERSIONS):
            raise ValueError(
                f"array API version {api_version!r} is not provided; known: "
                f"{', '.join(API_VERSIONS)}"
            )
        return sys.modules[__package__]

    def __dlpack__(self, **options: Any) -> Any:
        if self._node is not None:
            raise BufferError(
                f"{self._describe()} requires a gradient, and as another library's array would "
                "be cut from the graph unseen. Export t.detach()"
            )
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[Any, int]:
        return self.data.__dlpack_device__()  # type: ignore[no-any-return]

    # --- Python's protocols -----------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        t: Tensor = call(GETITEM, (self,), {"index": frozen(index)})
        if type(t) is not Tensor:
            return t  # under `vmap`, by an index that is one for each example
        part = t._value
        if (
            t._node is not None
            and type(part) is np.ndarray
            and part.base is not None
            and 4 * part.size <= self._value.size
        ):
            # A small part that shared the memory would make the next `x[i] = ...` copy the whole.
            t._value = part.copy()
        return t

    def __setitem__(self, index: Any, value: Any) -> None:
        index = frozen(index)
        refuse_view(self, f"x[{show(index)}] = ...")
        if running and any(
            isinstance(x, Tensor) and type(x) is not Tensor
            for x in (value, *(index if isinstance(index, tuple) else (index,)))
        ):
            raise InPlaceError(
                "x[...] = y: the value, or the index, is one for each example, for which this "
                "tensor has no place under vmap. Make x by np.zeros_like(y, shape=...)"
            )
        tracked = type(value) is Tensor and value._node is not None
        if self._node is None and not tracked:
            written = value._value if type(value) is Tensor else value
            self._write(index, written)
            return
        self._check_in_place(f"x[{show(index)}] = ...")
        if tracked and self.dtype.kind not in "fc":
            raise InPlaceError(
                f"a value that requires a gradient cannot be stored in a tensor of dtype "
                f"{self.dtype}; make that one with dtype=float"
            )
        if self.dtype.kind != "c" and is_complex(value):
            raise InPlaceError(
                f"a complex value cannot be stored in a tensor of dtype {self.dtype}; make that "
                "one complex, or store the value's real part"
            )
        if self._node is not None and self._node.op is None:
            if type(value) is not Tensor:
                value = array_of(value, self.dtype)
            self._rebind(call(SETITEM, (self, value), {"index": index}))
            return
        node = value._node if type(value) is Tensor else None
        # Cast first: where that fails, nothing is written.
        written = array_of(value_of(value), self.dtype)
        if self._node is not None and not record.recording():
            self._refuse_unrecorded()
        try:
            self._write(index, written)
        except Exception as error:
            raise record.explain(SETITEM, (self._value, written), error) from None
        operands = (self._value, written)
        tracked_bits = (self._node is not None) + 2 * (node is not None)
        if record.recording():
            parents = (self._node, node)
            self._node = record.record(
                SETITEM, self._value, operands, parents, tracked_bits, {"index": index}
            )
            hooks.move(parents[0], self._node)

    def _write(self, index: Any, written: Any) -> None:
        """Write into the value, unseen by those who read it before."""
        if not known(self._value):
            self._value = _setitem(self._value, written, index)
            return
        if not known(written) and hasattr(written, "__array_function__"):
            raise InPlaceError(
                f"a {type(written).__module__} array cannot be stored in one of NumPy's without "
                "being computed: make the tensor that it is stored in one of that kind, or compute "
                "it first"
            )
        if not is_owned(self):
            self._value = np.array(self._value)
        self._value[index] = written

    def _check_in_place(self, what: str) -> None:
        node = self._node
        if node is not None and node.op is None and record.recording():
            raise InPlaceError(
                f"{what} on {self._describe()} that requires a gradient, while recording: it "
                "would orphan the leaf's gradient. Compute a new tensor, or update it under "
                "no_grad()."
            )

    def _rebind(self, result: Tensor) -> None:
        """Make this handle stand for ``result``; whoever read it before keeps what they read."""
        if result.shape != self.shape:
            raise InPlaceError(
                f"a result of shape {result.shape} cannot be stored in place in shape {self.shape}"
            )
        node, value = self._node, result._value
        if node is not None and node.op is not None and not record.recording():
            self._refuse_unrecorded()
        if value.dtype != self.dtype:
            if not np.can_cast(value.dtype, self.dtype, "same_kind"):
                raise InPlaceError(
                    f"a result of dtype {value.dtype} cannot be stored in place in {self.dtype}"
                )
            result = result.astype(self.dtype)
            value = result._value
        if node is not None and node.op is None and not record.recording():
            self._value = value  # a leaf stays the leaf it is, with another value
        else:
            self._value, self._node = value, result._node
            hooks.move(node, result._node)

    def _refuse_unrecorded(self) -> NoReturn:
        raise InPlaceError(
            f"a change in place of {self._describe()} under no_grad() would cut it from the "
            "graph unseen; write t = t.detach() first, or leave no_grad() away"
        )

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("a 0-d tensor has nothing to iterate over; use t.item()")
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a 0-d tensor has no length")
        return int(self._value.shape[0])

    def __bool__(self) -> bool:
        return bool(self._value)

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._value == (value._value if type(value) is Tensor else value)))

    __hash__ = object.__hash__

    def __float__(self) -> float:
        return float(self._untracked("float"))

    def __int__(self) -> int:
        return int(self._untracked("int"))

    def __complex__(self) -> complex:
        return complex(self._untracked("complex"))

    def __index__(self) -> int:
        return operator.index(self._untracked("an index"))

    def _untracked(self, what: str) -> Any:
        if self._node is not None:
            raise NotDifferentiableError(
                f"{what} of a tensor that requires a gradient would cut it from the graph unseen: "
                "use t.item() for the number, t.detach() for the tensor, and autograd_core's "
                "functions instead of math's"
            )
        return self._value

    def __repr__(self) -> str:
        node = self._node
        value = self._value
        # What is not computed yet is not computed to be shown.
        body = (
            np.array2string(np.asarray(value), separator=", ", prefix="Tensor(")
            if known(value)
            else repr(value)
        )
        parts = [body, f"dtype={self.dtype}"]
        if self.name:
            parts.append(f"name={self.name!r}")
        if node is not None:
            parts.append("requires_grad=True" if node.op is None else f"op={node.op.name}")
        return f"Tensor({', '.join(parts)})"

    def __format__(self, spec: str) -> str:
        if not spec:
            return str(self)
        if self.ndim == 0:
            return format(self.item(), spec)
        return np.array2string(
            np.asarray(self._value), formatter={"all": lambda v: format(v, spec)}
        )

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        rebuild, state = self.__reduce__()
        copied = memo[id(self)] = rebuild(*state)
        return copied

    def __reduce__(self) -> tuple[Callable[..., Tensor], tuple[Any, ...]]:
        if not self.is_leaf:
            raise TypeError(
                f"{self._describe()} is part of a graph and cannot be copied or pickled; copy "
                "t.detach()"
            )
        value = np.asarray(self._value) if known(self._value) else self._value
        return _rebuild, (value, self._node is not None, self.name, self.grad)


def _rebuild(value: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    tensor = Tensor(value, requires_grad, name=name)
    if grad is not None:
        tensor.grad = grad.copy()
    return tensor


def asarray(data: Any, dtype: Any = None) -> Tensor:
    """Make a tensor that shares the memory of ``data``; a tensor is returned as it is.

    >>> values = np.zeros(2)
    >>> t = asarray(values)
    >>> values[0] = 1.0
    >>> t
    Tensor([1., 0.], dtype=float64)
    """
    if isinstance(data, Tensor):
        return data if dtype is None or data.dtype == dtype else data.astype(dtype)
    return wrap(_as_value(data, dtype, copy=False), None)


def _as_value(data: Any, dtype: Any, copy: bool) -> Any:
    if type(data) is Tensor:
        data = data._value
    if hasattr(data, "__array_function__") and not isinstance(data, np.generic):
        if dtype is not None and data.dtype != dtype:
            return data.astype(dtype)
        refuse_subclass(data)
        value = data.copy() if copy else data
    else:
        if dtype is None and not hasattr(data, "dtype"):
            value = np.asarray(data)
            if value.dtype == float:
                value = value.astype(settings.get_default_dtype(), copy=False)
        else:
            value = np.asarray(data, dtype=dtype)
    if value.dtype.kind not in "biufc":
        raise TypeError(f"a Tensor holds numbers, not dtype {value.dtype}")
    # NumPy computes several times faster with its scalars than with 0-d arrays.
    return value[()] if copy and value.ndim == 0 else value


def wrap(value: Any, node: Node | None) -> Tensor:
    """Make a tensor of a value and its node, without looking at either."""
    tensor = new_tensor(Tensor)
    tensor._value = value
    tensor._node = node
    tensor._name = None
    return tensor


new_tensor = Tensor.__new__


def value_of(x: Any) -> Any:
    return x._value if type(x) is Tensor else x


def declared_late(ufunc: Any) -> Op:
    """The op of a ufunc of SciPy's, which are declared when the first of them is met."""
    if "scipy.special" in sys.modules:
        special.declare()
    op = OPS.get(ufunc)
    if op is None:
        raise undeclared(ufunc)
    return op


LIFT = backprop.Lift(wrap, value_of)
