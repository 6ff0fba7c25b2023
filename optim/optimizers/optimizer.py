"""What all optimizers share: parameter groups, a step that never writes a value, saved state.

A graph recorded before a step holds the arrays that the parameters had then, and must give the
gradients at those values. So a step computes the new values into a spare buffer and gives the
parameters views of that; the old buffer becomes the spare one of the next step, if by then nobody
holds a view of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from autograd_core import Tensor

from ..options import Check, nearest
from .flat import CHUNK, LARGE, Flat, Piece
from .groups import ParameterGroup, read_groups
from .state import read_state, write_state

__all__ = ["Optimizer"]


class Optimizer(ABC):
    """Changes parameters by their gradients; a subclass says in ``_update`` by how much.

    ``parameters`` are a list of leaf tensors, or of dicts ``{"params": [...], "lr": ...}``, groups
    with hyper-parameters of their own; ``param_groups`` are those groups with all their
    hyper-parameters, which may be assigned; ``add_param_group`` adds one. Parameters whose gradient
    is None are left as they are, along with their state and their number of steps. An empty list, a
    parameter given twice, a computed tensor or a value out of range is a ``ValueError``, anything
    but a tensor or a number a ``TypeError``, and so is a parameter of whole numbers.

    A subclass names its hyper-parameters in ``_checks``, what it keeps for each parameter in
    ``_memory``, and in ``_scratch`` how many scratch arrays ``_update`` needs.
    """

    #: The hyper-parameters that ``__init__`` gets as ``options``, and what each may be; ``lr`` and
    #: ``weight_decay`` are always among them.
    _checks: ClassVar[Mapping[str, Check]]
    #: The names of the arrays that are kept for each parameter, from zeros on.
    _memory: ClassVar[tuple[str, ...]] = ()
    #: Weight decay shrinks the value by lr λ, instead of adding λθ to the gradient.
    _decoupled: ClassVar[bool] = False
    #: Whether ``_update`` is told how many steps a parameter has made.
    _counted: ClassVar[bool] = False
    #: Whether the formula is right for complex numbers too.
    _complex: ClassVar[bool] = False
    #: How many arrays of a chunk's size ``_update`` may write to as it likes.
    _scratch: ClassVar[int] = 0

    def __init__(self, parameters: Iterable[Any], options: Mapping[str, Any]) -> None:
        #: The hyper-parameters of groups that do not say otherwise.
        self.defaults: dict[str, Any] = self._checked(options)
        self._refuse_zero(self.defaults, options)
        self.parameters: list[Tensor] = []
        #: PyTorch's list, though as a tuple, for a group appended to it would not be trained.
        self.param_groups: tuple[ParameterGroup, ...] = ()
        self._flats: list[Flat] = []
        #: Scratch arrays by dtype, which all parameters share.
        self._scratch_of: dict[np.dtype[Any], list[NDArray[Any]]] = {}
        self._add(read_groups(parameters))

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Train further parameters from the next step on: a dict as ``__init__`` takes.

        Hyper-parameters that the group does not name are those that the optimizer was made with
        (``defaults``). With an error nothing is changed.

        >>> from optim import SGD
        >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=0.5)
        >>> optimizer.add_param_group({"params": [Tensor([2.0], requires_grad=True)], "lr": 0.1})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.5, 0.1]
        """
        if not isinstance(param_group, Mapping):
            raise TypeError(
                "add_param_group takes one group, a dict such as {'params': [...], 'lr': 0.1}, not "
                f"an object of type {type(param_group).__name__}"
            )
        self._add(read_groups([param_group], self.param_groups))

    def _add(self, groups: list[tuple[list[Tensor], dict[str, Any]]]) -> None:
        """Make groups of parameters and their own options, or with an error none of them."""
        kind, made = type(self), []
        for params, own in groups:
            options = self._checked({**self.defaults, **own})
            self._refuse_zero(options, own)
            self._agree(options)
            self._check_dtypes({p.dtype for p in params}, options)
            made.append((params, options))
        for params, options in made:
            flats = self._flatten(params, options)
            # Methods of the class and not of this object, which would be a cycle of references.
            prepare = partial(_prepare, kind, flats)
            group = ParameterGroup(params, options, kind._checked, prepare)
            self.param_groups = (*self.param_groups, group)
            self._flats += flats
            self.parameters += params

    @classmethod
    def _refuse_zero(cls, options: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        if not options["lr"] and "lr" in given:
            raise ValueError(
                f"{cls.__name__}: lr must not be 0 from the start, for nothing is learnt then "
                "(a schedule may take it there later)"
            )

    def _flatten(self, parameters: list[Tensor], options: dict[str, Any]) -> list[Flat]:
        alone: list[list[Tensor]] = []
        together: dict[np.dtype[Any], list[Tensor]] = {}
        for parameter in parameters:
            if parameter.size >= LARGE:
                alone.append([parameter])
            else:
                together.setdefault(parameter.dtype, []).append(parameter)
        flats = []
        for each in (*together.values(), *alone):
            dtype = each[0].dtype
            if dtype not in self._scratch_of:
                # One more than _update asks for is for weight decay.
                self._scratch_of[dtype] = [np.empty(CHUNK, dtype) for _ in range(self._scratch + 1)]
            flats.append(Flat(each, options, self._remembers(options), self._scratch_of[dtype]))
        return flats

    @classmethod
    def _check_dtypes(cls, dtypes: Iterable[np.dtype[Any]], options: Mapping[str, Any]) -> None:
        """Refuse dtypes that a parameter cannot be trained in, with these options."""
        for dtype in dtypes:
            if dtype.kind not in "fc":
                raise TypeError(
                    f"{cls.__name__}: a parameter is {dtype}, and steps are no whole numbers: make "
                    "it one of floating-point numbers"
                )
            if dtype.kind == "c" and not cls._complex:
                raise TypeError(
                    f"{cls.__name__}: a parameter is {dtype}, and the formula is for real "
                    "numbers: use SGD, or two parameters for the two parts"
                )
            # Where a gradient is 0 it would be divided by 0.
            if "eps" in options and not dtype.type(cls._least_eps(options)):
                raise ValueError(
                    f"{cls.__name__}: eps={options['eps']} is 0 in {dtype}, the dtype of a "
                    "parameter, or becomes 0 in the formula: give a larger one, for instance "
                    "eps=1e-4"
                )

    @classmethod
    def _least_eps(cls, options: Mapping[str, Any]) -> float:
        """Return the smallest number that ``_update`` makes of ε before it adds it."""
        return float(options["eps"])

    @classmethod
    def _checked(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options as the optimizer works with them, or say what is wrong with one."""
        for name in options:
            if name not in cls._checks:
                raise ValueError(
                    f"{cls.__name__} has no option {name!r}: {nearest(name, cls._checks)}"
                )
        return {name: cls._checks[name](cls.__name__, name, options[name]) for name in options}

    @classmethod  # noqa: B027
    def _agree(cls, options: Mapping[str, Any]) -> None:
        """Say what is wrong with options that are right each by itself."""

    @classmethod
    def _remembers(cls, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Return those names of ``_memory`` that are needed with these options."""
        return cls._memory

    @abstractmethod
    def _update(
        self,
        gradient: NDArray[Any],
        value: NDArray[Any],
        out: NDArray[Any],
        state: dict[str, NDArray[Any]],
        scratch: list[NDArray[Any]],
        options: Mapping[str, Any],
        t: int,
    ) -> None:
        """Write the new values to ``out`` and change ``state`` in place; all arrays are flat.

        Of the hyper-parameters the weight decay is done already: ``gradient`` or ``value`` has it.
        ``t`` is the number of this step, from 1, where ``_counted`` (and else 0).
        """

    @np.errstate(all="ignore")  # as backward: a NaN or an overflow shows in the loss, not here
    def step(self) -> None:
        """Change each parameter that has a gradient, or with an error none of them."""
        # Whatever can fail comes first, for all of them: then changes are made to all.
        self._apply([flat for flat in self._flats if flat.gather()])

    @np.errstate(all="ignore")
    def step_if_finite(self) -> bool:
        """Take a step and return True; with an inf or NaN in a gradient change nothing: False.

        The gradients are looked at where a step has them side by side, which costs a fraction of
        looking at each before.

        >>> from optim import SGD
        >>> w = Tensor([4.0], requires_grad=True)
        >>> w.grad = np.array([np.inf])
        >>> SGD([w], lr=0.5).step_if_finite(), w.data
        (False, array([4.]))
        """
        ready = [flat for flat in self._flats if flat.gather()]
        for flat in ready:
            if not flat.is_finite():
                return False
        self._apply(ready)
        return True

    def _apply(self, flats: list[Flat]) -> None:
        for flat in flats:
            steps = flat.steps
            if self._counted:
                for i in range(len(steps)) if flat.present is None else flat.present:
                    steps[i] += 1
            if flat.present is None and (not self._counted or steps.count(steps[0]) == len(steps)):
                for piece in flat.pieces:
                    self._update_piece(flat, piece, steps[0])
                continue
            if flat.present is not None:
                np.copyto(flat.spare, flat.value)
            # Parameters that are not in one step, each by itself. A large one has buffers of its
            # own and does not come here, so that a part is within a chunk.
            for i in range(len(steps)) if flat.present is None else flat.present:
                self._update_piece(flat, flat.piece(flat.parts[i]), steps[i])
        for flat in flats:
            flat.publish()

    def _update_piece(self, flat: Flat, piece: Piece, t: int) -> None:
        part, state, scratch = piece
        options, gradient, value, out = flat.options, flat.gradient, flat.value, flat.spare
        if part is not None:
            gradient, value, out = gradient[part], value[part], out[part]
        decay = options["weight_decay"]
        if decay:
            spent = scratch[-1]
            if self._decoupled:
                value = np.multiply(value, 1.0 - options["lr"] * decay, out=spent)
            else:
                np.multiply(value, decay, out=spent)
                gradient = np.add(spent, gradient, out=spent)
        self._update(gradient, value, out, state, scratch, options, t)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            node = parameter._node
            if node is not None:
                node.grad = None  # `zero_grad`, without the call
            else:
                parameter.zero_grad()

    @property
    def lr(self) -> float:
        """The learning rate of the first group; an assignment is to all groups."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, lr: float) -> None:
        for group in self.param_groups:
            group["lr"] = lr  # what one group takes, all take

    @property
    def state(self) -> dict[str, list[Any]]:
        """Copies of what the optimizer remembers: by name, an array for each parameter.

        None stands for a parameter of a group that does not remember this.
        """
        found: dict[str, dict[Tensor, NDArray[Any]]] = {}
        for flat in self._flats:
            for name, array in flat.state.items():
                found.setdefault(name, {}).update(
                    zip(flat.parameters, flat.views(array.copy()), strict=True)
                )
        return {name: [of.get(p) for p in self.parameters] for name, of in found.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next steps depend on, as dicts, lists, numbers, strings and arrays.

        An optimizer of the same kind over parameters of the same shapes and dtypes that takes it
        with ``load_state_dict`` goes on bit for bit as this one would. The arrays are copies.

        >>> from optim import SGD
        >>> w = Tensor([4.0], requires_grad=True)
        >>> SGD([w], lr=0.5, momentum=0.9).state_dict()["param_groups"]
        [{'lr': 0.5, 'momentum': 0.9, 'nesterov': False, 'weight_decay': 0.0, 'params': [0]}]
        """
        return write_state(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave, hyper-parameters included.

        What does not fit is a ``ValueError`` that says where, and nothing is changed then.
        """
        read_state(self, state)

    # Buffers are views of one another, which copying them one by one would part.
    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "groups": [dict(group) for group in self.param_groups],
            "state": self.state_dict(),
        }

    def __setstate__(self, held: dict[str, Any]) -> None:
        # A rate that is 0 by now is not one to start with; the state has it.
        groups = [{**group, "lr": 1.0} for group in held["groups"]]
        Optimizer.__init__(self, groups, held["defaults"])
        self.load_state_dict(held["state"])

    def __repr__(self) -> str:
        groups = [
            ", ".join(f"{name}={value!r}" for name, value in group.items() if name != "params")
            for group in self.param_groups
        ]
        if len(groups) == 1:
            return f"{type(self).__name__}({groups[0]})"
        lines = "".join(f"\n  group {i}: {group}" for i, group in enumerate(groups))
        return f"{type(self).__name__}({lines}\n)"


def _prepare(kind: type[Optimizer], flats: list[Flat], options: Mapping[str, Any]) -> None:
    """Have what these options need remembered, if they agree with each other and the dtypes."""
    kind._agree(options)
    kind._check_dtypes([flat.value.dtype for flat in flats], options)
    for flat in flats:
        flat.remember(kind._remembers(options))
