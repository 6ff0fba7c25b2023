"""Parameter groups: which parameters an optimizer changes, and with which hyper-parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, final

from autograd_core import Tensor

from ..options import nearest, non_negative

if TYPE_CHECKING:
    from nn import Module

__all__ = ["ParameterGroup", "check_parameters", "read_groups", "weight_decay_groups"]


@final
class ParameterGroup(MutableMapping[str, Any]):
    """Parameters that share hyper-parameters: a mapping that checks what is assigned.

    ``group["params"]`` are the parameters, a tuple, the other keys are the optimizer's options. An
    assignment takes effect at the next step; a bad value is refused and changes nothing, and so is
    ``group.update(...)`` if one of its values is bad. Keys are neither added nor removed.

    >>> from optim import SGD
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=0.5, momentum=0.9)
    >>> group = optimizer.param_groups[0]
    >>> group["lr"] = 0.1
    >>> group
    {'params': 1, 'lr': 0.1, 'momentum': 0.9, 'nesterov': False, 'weight_decay': 0.0}
    """

    __slots__ = ("_check", "_options", "_params", "_prepare")

    def __init__(
        self,
        params: list[Tensor],
        options: dict[str, Any],
        check: Callable[[Mapping[str, Any]], dict[str, Any]],
        prepare: Callable[[dict[str, Any]], None],
    ) -> None:
        self._params = params
        self._options = options
        self._check = check
        self._prepare = prepare

    def __getitem__(self, key: str) -> Any:
        if key == "params":
            return tuple(self._params)
        if key not in self._options:
            raise KeyError(f"no option {key!r}: {nearest(key, self)}")
        return self._options[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def update(self, *args: Any, **changes: Any) -> None:
        """Assign several options, or with an error none of them."""
        wanted = dict(*args, **changes)
        if "params" in wanted:
            raise ValueError(
                "the parameters of a group stay: add_param_group adds others in a group of theirs"
            )
        changed = self._check(wanted)
        self._prepare({**self._options, **changed})
        self._options.update(changed)

    def __delitem__(self, key: str) -> NoReturn:
        raise TypeError("an option of a parameter group can be assigned, not deleted")

    def __iter__(self) -> Iterator[str]:
        yield "params"
        yield from self._options

    def __len__(self) -> int:
        return 1 + len(self._options)

    # Mapping's would compare tensors with ==, which is elementwise.
    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return repr({"params": len(self._params), **self._options})


def weight_decay_groups(model: Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups in which only a model's weights decay, not its biases.

    Weights are ``model.weights()``: biases, and gains and shifts of normalisation, are spared
    (lecture L13). The penalty λ Σ W² of the lecture has gradient 2λW, and ``weight_decay`` is what
    W is multiplied by, so the lecture's λ is ``weight_decay / 2``.

    >>> import nn, optim
    >>> model = nn.MLP([4, 8, 3])
    >>> optimizer = optim.AdamW(optim.weight_decay_groups(model, 0.01), lr=0.001)
    >>> for group in optimizer.param_groups:
    ...     print([parameter.name for parameter in group["params"]], group["weight_decay"])
    ['W1', 'W2'] 0.01
    ['b1', 'b2'] 0.0
    """
    decay = non_negative("weight_decay_groups", "weight_decay", weight_decay)
    if not hasattr(model, "weights"):
        raise TypeError(
            f"weight_decay_groups: a model, not an object of type {type(model).__name__}"
        )
    weights = {id(weight) for weight in model.weights()}
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if id(p) in weights], "weight_decay": decay},
        {"params": [p for p in parameters if id(p) not in weights], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def check_parameters(parameters: Iterable[Tensor], owner: str = "an optimizer") -> list[Tensor]:
    """Return a list of distinct leaf tensors, or say what is none."""
    return _flat([_listed(parameters, owner)], labels=[""])[0]


def read_groups(
    parameters: Any, before: Sequence[ParameterGroup] = ()
) -> list[tuple[list[Tensor], dict[str, Any]]]:
    """Return the parameters and the options of each group; a list without dicts is one group.

    They come after the groups ``before``, of which they may hold no parameter.
    """
    given = _listed(parameters, "an optimizer")
    if not any(isinstance(each, Mapping) for each in given):
        return [(_flat([given], [""])[0], {})]
    lists, options = [list(group["params"]) for group in before], []
    for i, group in enumerate(given, start=len(before)):
        if not isinstance(group, Mapping):
            raise TypeError(
                f"parameter groups are dicts, all of them: number {i} is an object of type "
                f"{type(group).__name__}"
            )
        if "params" not in group:
            raise ValueError(f"parameter group {i} has no 'params', the list of its parameters")
        lists.append(_listed(group["params"], f"parameter group {i}"))
        options.append({name: value for name, value in group.items() if name != "params"})
    labels = [f" of group {i}" for i in range(len(lists))]
    return list(zip(_flat(lists, labels)[len(before) :], options, strict=True))


def _listed(parameters: Any, owner: str) -> list[Any]:
    if isinstance(parameters, Tensor):
        raise TypeError(f"{owner} takes a list of parameters: write [parameter]")
    if isinstance(parameters, Mapping):
        raise TypeError(f"{owner} takes a list of parameters or of groups: write [group]")
    if not isinstance(parameters, Iterable):
        if hasattr(parameters, "parameters"):
            kind = type(parameters).__name__
            raise TypeError(
                f"{owner} takes a list of parameters, not a {kind}: write .parameters()"
            )
        raise TypeError(f"{owner} takes a list of parameters, not {parameters!r}")
    if isinstance(parameters, (set, frozenset)):
        raise TypeError(f"{owner} takes a list of parameters: the order of a set is by chance")
    found = list(parameters)
    if not found:
        raise ValueError(f"there are no parameters: the list that {owner} got is empty")
    return found


def _flat(lists: list[list[Any]], labels: list[str]) -> list[list[Tensor]]:
    found: dict[Tensor, tuple[int, str]] = {}
    for parameters, label in zip(lists, labels, strict=True):
        for i, parameter in enumerate(parameters):
            if not isinstance(parameter, Tensor):
                named = isinstance(parameter, tuple) and any(
                    isinstance(each, Tensor) for each in parameter
                )
                raise TypeError(
                    f"parameter {i}{label} is an object of type {type(parameter).__name__}, "
                    f"not a Tensor{': write .parameters()' if named else ''}"
                )
            if not parameter.is_leaf:
                raise ValueError(
                    f"{_name(i, label, parameter)} is computed from others: give the optimizer "
                    "those instead"
                )
            if parameter in found:
                first, its_label = found[parameter]
                raise ValueError(
                    f"{_name(i, label, parameter)} is parameter {first}{its_label} once more"
                )
            found[parameter] = i, label
    return lists


def _name(i: int, label: str, parameter: Tensor) -> str:
    return f"parameter {i}{label}" + (f" ({parameter.name!r})" if parameter.name else "")
