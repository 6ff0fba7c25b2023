"""Modules: what holds parameters, and finds them again in whatever it is built from.

A parameter is nothing but a leaf tensor that requires a gradient, or did until it was frozen; any
other leaf tensor is a buffer. A module holds them and other modules as plain attributes, also
within lists, tuples and dicts; there is no wrapper class and no registration call, and nothing
has to be done in ``__init__`` first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from autograd_core import Tensor
from autograd_core.record import watcher
from optim.options import flag

from .members import flatten, in_its_place, is_leaf, is_parameter, join
from .state import LeftOver, fitting
from .summary import Summary, summarize, tree

__all__ = ["Buffer", "Module", "Parameter", "through"]


def Parameter(data: Any, dtype: DTypeLike | None = None, name: str | None = None) -> Tensor:
    """Make a leaf tensor that requires a gradient, which is all that a parameter is.

    >>> Parameter([0.5, -1.0]).requires_grad
    True
    """
    return Tensor(data, requires_grad=True, dtype=dtype, name=name)


def Buffer(data: Any, dtype: DTypeLike | None = None, name: str | None = None) -> Tensor:
    """Make a leaf tensor that is part of a module's state and is not learned by gradients.

    Running averages are such; so is any tensor that a module holds and that needs no gradient.

    >>> Buffer([0.0, 0.0]).requires_grad
    False
    """
    return Tensor(data, dtype=dtype, name=name)


class Module(ABC):
    """A function with parameters: subclass it, set attributes, and write ``forward``.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope = Parameter(2.0)
    ...         self.offset = Parameter(1.0)
    ...     def forward(self, x):
    ...         return x * self.slope + self.offset
    >>> line = Line()
    >>> line(3.0).item()
    7.0
    >>> [name for name, parameter in line.named_parameters()]
    ['slope', 'offset']
    """

    #: Whether the module is being trained; what behaves differently in use (dropout) asks.
    training: bool = True

    #: Attributes whose parameters no penalty and no weight decay acts on, see ``named_weights``.
    spared: ClassVar[tuple[str, ...]] = ("bias",)

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; call the module itself rather than this."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output, see ``forward``."""
        watch = watcher.get()
        if watch is None:
            return self.forward(*args, **kwargs) if kwargs else self.forward(*args)
        with watch.entering(self):
            return self.forward(*args, **kwargs)

    # -- what it holds ------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        known = self._known_parameters
        held = self.__dict__.get(name)
        if value is not None and is_leaf(held):
            parameter = is_parameter(held) or held in known
            if not is_leaf(value) or (parameter and not (is_parameter(value) or value in known)):
                raise TypeError(in_its_place(type(self).__name__, name, value, parameter))
        new = {tensor: None for _, tensor in flatten(name, value) if is_parameter(tensor)}
        if new:
            object.__setattr__(self, "_known", known | new)
        object.__setattr__(self, name, value)

    @property
    def _known_parameters(self) -> dict[Tensor, None]:
        """Tensors here that were parameters once: frozen ones still are, also in a copy.

        A set in the order in which they were set, so that a copy makes its tensors in that order.
        It is replaced and never written.
        """
        known: dict[Tensor, None] = self.__dict__.get("_known", {})
        return known

    def _members(self) -> list[tuple[str, Tensor | Module]]:
        """List the leaf tensors and modules held directly here, in the order they were set."""
        found: list[tuple[str, Tensor | Module]] = []
        for attribute, held in list(vars(self).items()):  # a list: another thread may add to it
            if isinstance(held, (Tensor, Module)):
                found.append((attribute, held))
            elif isinstance(held, (list, tuple, dict)) and attribute != "_known":
                found += flatten(attribute, held)
        return [(name, held) for name, held in found if isinstance(held, Module) or is_leaf(held)]

    def _walk(self) -> Iterator[tuple[str, Module, list[tuple[str, Tensor | Module]]]]:
        """Yield this module and all within it, each once, with their paths and members."""
        # By identity: a subclass may compare by value (a dataclass) and then has no hash.
        found: set[int] = set()
        stack: list[tuple[str, Module]] = [("", self)]
        while stack:
            path, module = stack.pop()
            if id(module) not in found:
                found.add(id(module))
                members = module._members()
                yield path, module, members
                inner = [(join(path, name), m) for name, m in members if isinstance(m, Module)]
                stack.extend(reversed(inner))

    def _tensors(self) -> tuple[dict[Tensor, str], dict[Tensor, str], set[Tensor]]:
        """Find the parameters and buffers with their first paths, and which of them are spared."""
        found: dict[Tensor, str] = {}
        learned: set[Tensor] = set()
        spared: set[Tensor] = set()
        for path, module, members in self._walk():
            known = module._known_parameters
            held: dict[Tensor, None] = {}
            for name, tensor in members:
                if isinstance(tensor, Tensor):
                    found.setdefault(tensor, join(path, name))
                    if tensor in known or is_parameter(tensor):
                        held[tensor] = None
                    if name.partition(".")[0] in module.spared:
                        spared.add(tensor)
            if held != known:  # something in a list was frozen, say, or is no more
                object.__setattr__(module, "_known", held)
            learned.update(held)
        if len(set(found.values())) < len(found):
            raise ValueError(_ambiguous(self, list(found.values())))
        parameters = {tensor: path for tensor, path in found.items() if tensor in learned}
        buffers = {tensor: path for tensor, path in found.items() if tensor not in learned}
        return parameters, buffers, spared

    def named_modules(self) -> list[tuple[str, Module]]:
        """List this module (named ``""``) and all within it, each once, with their paths."""
        return [(path, module) for path, module, _ in self._walk()]

    def modules(self) -> list[Module]:
        """List this module and all within it, each once."""
        return [module for _, module in self.named_modules()]

    def named_children(self) -> list[tuple[str, Module]]:
        """List the modules held directly by this one, with their names."""
        return [(name, held) for name, held in self._members() if isinstance(held, Module)]

    def children(self) -> list[Module]:
        """List the modules held directly by this one."""
        return [child for _, child in self.named_children()]

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """List all parameters with their paths; one that is shared comes once, by its first path.

        >>> from nn import Linear, Sequential, Tanh
        >>> layer = Linear(2, 2)
        >>> [name for name, _ in Sequential(layer, Tanh(), layer).named_parameters()]
        ['layers.0.weight', 'layers.0.bias']
        """
        return [(path, parameter) for parameter, path in self._tensors()[0].items()]

    def parameters(self) -> list[Tensor]:
        """List all parameters, a shared one once."""
        return list(self._tensors()[0])

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """List all buffers with their paths: leaf tensors that are no parameters, each once."""
        return [(path, buffer) for buffer, path in self._tensors()[1].items()]

    def buffers(self) -> list[Tensor]:
        """List all buffers, a shared one once."""
        return list(self._tensors()[1])

    def named_weights(self) -> list[tuple[str, Tensor]]:
        """List the parameters that penalties and weight decay act on, with their paths.

        These are all but the ones held as an attribute that its module's class names in
        ``spared``: biases, unless a class says otherwise.

        >>> from nn import Linear
        >>> [name for name, _ in Linear(2, 3).named_weights()]
        ['weight']
        """
        parameters, _, spared = self._tensors()
        return [(path, tensor) for tensor, path in parameters.items() if tensor not in spared]

    def weights(self) -> list[Tensor]:
        """List the parameters that penalties and weight decay act on, see ``named_weights``."""
        return [weight for _, weight in self.named_weights()]

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call ``function`` with this module and then with each within it, and return this one.

        >>> from nn import Linear, Sequential, Tanh
        >>> net = Sequential(Linear(2, 2), Tanh())
        >>> _ = net.apply(lambda module: print(type(module).__name__))
        Sequential
        Linear
        Tanh
        """
        for module in self.modules():
            function(module)
        return self

    # -- modes --------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set this module and all within it to training, and return it."""
        mode = flag("train", "mode", mode)
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set this module and all within it to use, the opposite of ``train``, and return it."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters within."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def freeze(self) -> Self:
        """Stop learning all parameters within, which stay parameters, and return the module.

        Their gradients are forgotten, so an optimizer leaves them as they are.
        """
        for parameter in self.parameters():
            parameter.zero_grad()
            parameter.requires_grad_(False)
        return self

    def unfreeze(self) -> Self:
        """Learn all parameters within again, and return the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(True)
        return self

    def astype(self, dtype: DTypeLike) -> Self:
        """Change the floating dtype of all parameters and floating buffers, and return the module.

        The tensors stay the objects they are, gradients come along. Complex ones become complex
        of that precision. An optimizer made before refuses its next step and asks for a new one;
        graphs recorded before do not lead to the changed parameters.

        >>> from nn import Linear
        >>> Linear(2, 3).astype("float32").weight.dtype
        dtype('float32')
        """
        chosen = np.dtype(dtype)
        if chosen.kind != "f":
            raise TypeError(f"astype: {chosen} is not a floating dtype; choose float32, say")
        kinds = {"f": chosen, "c": np.result_type(chosen, np.complex64)}
        parameters, buffers, _ = self._tensors()
        changed = [
            (tensor, tensor.data.astype(new))
            for tensor in (*parameters, *buffers)
            if (new := kinds.get(tensor.dtype.kind)) is not None and new != tensor.dtype
        ]
        for tensor, value in changed:
            gradient, learned = tensor.grad, tensor.requires_grad
            # A leaf's node knows its dtype: it rests while the value changes, and a new one comes.
            tensor.requires_grad_(False)
            tensor._swap(value)
            if learned:
                tensor.requires_grad_(True)
                tensor.grad = gradient
        return self

    # -- state --------------------------------------------------------------------------------

    def _named_state(self) -> dict[str, Tensor]:
        parameters, buffers, _ = self._tensors()
        return {path: tensor for found in (parameters, buffers) for tensor, path in found.items()}

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copy the values of parameters and buffers into a dict from their paths."""
        return {name: tensor.data.copy() for name, tensor in self._named_state().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LeftOver:
        """Take over the values in ``state``, all of them or, with an error, none.

        The names must be exactly those of ``state_dict`` and the shapes theirs; a ``ValueError``
        lists all that are missing, unexpected or misshapen. With ``strict=False`` missing and
        unexpected ones are no error, and returned. Values are copied and keep the model's dtypes.
        """
        tensors = self._named_state()
        values, left = fitting(type(self).__name__, tensors, state, strict)
        # Published as new arrays, so a graph that still holds the old ones stays right.
        for name, value in values.items():
            tensors[name]._swap(value)
        return left

    # -- how it looks -------------------------------------------------------------------------

    def summary(
        self, input_shape: int | tuple[int, ...], dtype: DTypeLike | None = None
    ) -> Summary:
        """List the modules with the shapes they put out and how many parameters they have.

        ``input_shape`` is that of one example, without the batch axis, which is shown as n;
        ``dtype`` is that of the inputs, by default that of the parameters: a model that takes
        indices needs ``dtype=int``. A copy of the model in ``eval`` mode is run, on zeros; the
        model itself, and every random generator, stay what they are.

        >>> from nn import Linear, Sequential, Tanh
        >>> print(Sequential(Linear(4, 3), Tanh()).summary((4,)))
        Sequential on inputs of shape (n, 4)
        path      kind        output shape  parameters  trainable
                  Sequential  (n, 3)                 0          0
        layers.0  Linear      (n, 3)                15         15
        layers.1  Tanh        (n, 3)                 0          0
        total                                       15         15
        """
        return summarize(self, input_shape, dtype)

    def extra_repr(self) -> str:
        """Say in brackets what the module is besides what it holds, for ``repr``."""
        return ""

    def __repr__(self) -> str:
        return "\n".join(tree(self))


def _ambiguous(module: Module, paths: list[str]) -> str:
    twice = sorted({path for path in paths if paths.count(path) > 1})
    return (
        f"{type(module).__name__}: different tensors would have one path: {', '.join(twice)}; "
        "no name or key may hold a dot, and keys of a dict must differ as text"
    )


def through(modules: Iterable[Module], x: Any) -> Any:
    """Apply modules one after the other: each gets what the one before it returned."""
    unseen = watcher.get() is None
    for module in modules:
        # What a call does where nobody watches, without the call: that takes as long as a small op.
        plain = unseen and type(module).__call__ is _CALL
        x = module.forward(x) if plain else module(x)
    return x


_CALL = Module.__call__
