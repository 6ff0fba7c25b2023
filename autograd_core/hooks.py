"""Hooks: functions called with a tensor's gradient in the backward pass, and kept gradients.

They belong to the node, that is, to the value a tensor had when they were registered, so a node
still knows nothing of tensors. Graphs without hooks pay for one look at a flag per backward pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .errors import GradientError
from .graph import Node, conj, next_number
from .record import no_grad

__all__ = ["HookHandle", "hooked", "move", "register", "retain", "retained", "run"]


class Hooks:
    """What a node's ``hooks`` holds: functions in order of registration, and whether to keep."""

    __slots__ = ("functions", "retains")

    def __init__(self) -> None:
        self.functions: dict[int, Callable[[Any], Any]] = {}
        self.retains = False


class HookHandle:
    """What `Tensor.register_hook` returns: ``remove()`` takes the hook away.

    As a context manager it does so at the end of the block.
    """

    __slots__ = ("_hooks", "_key")

    def __init__(self, hooks: Hooks, key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Take the hook away; a second time is no error."""
        self._hooks.functions.pop(self._key, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


# Whether any node ever got hooks: until then no backward pass looks for them.
_ever = False
_lock = threading.Lock()


def _of(node: Node) -> Hooks:
    global _ever
    with _lock:  # two threads may register on a shared parameter
        _ever = True
        if node.hooks is None:
            node.hooks = Hooks()
        hooks: Hooks = node.hooks
    return hooks


def register(node: Node, function: Callable[[Any], Any]) -> HookHandle:
    """Have ``function`` called with the gradient at ``node``."""
    hooks, key = _of(node), next_number()
    hooks.functions[key] = function
    return HookHandle(hooks, key)


def retain(node: Node) -> None:
    """Have backward keep the gradient at an inner node, in its ``grad``."""
    _of(node).retains = True


def retained(node: Node) -> bool:
    """Whether backward leaves a gradient here: at a leaf, or where one is to be kept."""
    return node.op is None or (node.hooks is not None and node.hooks.retains)


def move(old: Node | None, new: Node | None) -> None:
    """Let a handle that a change in place moved from ``old`` to ``new`` go on keeping gradients."""
    if old is not None and new is not None and old.hooks is not None and old.hooks.retains:
        old.hooks.retains = False
        new.grad, old.grad = old.grad, None
        retain(new)


def hooked(order: Iterable[Node]) -> set[Node] | None:
    """The nodes in ``order`` that have hooks or keep their gradient; None where there are none."""
    if not _ever:
        return None
    return {node for node in order if node.hooks is not None} or None


def run(node: Node, g: Any, lift: Any) -> Any:
    """Show the gradient at ``node`` to its hooks, one after another, and return what is left.

    ``lift`` is `backprop.Lift` where the rules are recorded, else None.
    """
    functions: dict[int, Callable[[Any], Any]] = node.hooks.functions
    for function in list(functions.values()):  # a hook may remove itself
        try:
            with np.errstate(all="ignore"):
                answer = _call(function, conj(g), lift)
            if answer is not None:
                g = conj(_replacement(answer, node, lift))
        except Exception as error:
            error.add_note(
                f"in the hook {_name(function)} on the gradient of {_describe(node)}; no gradient "
                "was changed"
            )
            raise
    return g


def _call(function: Callable[[Any], Any], g: Any, lift: Any) -> Any:
    if lift is not None:
        # A handle of its own: a change of it in place moves that one only.
        return function(lift.wrap(lift.value(g), getattr(g, "_node", None)))
    if isinstance(g, (np.ndarray, np.generic)):
        # The walk may share this array with other gradients: to be read, not written.
        g = np.asarray(g).view()
        g.flags.writeable = False
    with no_grad():
        return function(g)


def _replacement(answer: Any, node: Node, lift: Any) -> Any:
    """What a hook returned in place of the gradient, checked, in the dtype of the value."""
    due = f"the gradient has shape {node.shape} and dtype {node.dtype}"
    if isinstance(answer, (float, complex)) and not isinstance(answer, np.generic):
        answer = np.asarray(answer)
    if not hasattr(answer, "dtype"):
        raise GradientError(
            f"a hook returned {type(answer).__name__}, but {due}: return an array like it, or None "
            "to leave it as it is"
        )
    kinds = "fc" if node.dtype.kind == "c" else "f"
    if answer.shape != node.shape or answer.dtype.kind not in kinds:
        raise GradientError(
            f"a hook returned shape {answer.shape} and dtype {answer.dtype}, but {due}: return one "
            "like it, or None to leave it as it is"
        )
    if lift is None and hasattr(answer, "_node"):
        answer = answer._value
    elif lift is not None:
        answer = lift.wrap(lift.value(answer), getattr(answer, "_node", None))
    if lift is None:
        return answer.astype(node.dtype)  # a copy: a hook may use one buffer again and again
    return answer if answer.dtype == node.dtype else answer.astype(node.dtype)


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", None) or repr(function)


def _describe(node: Node) -> str:
    what = "a leaf" if node.op is None else f"the result of {node.op.name}"
    return f"{node.name!r}, {what}" if node.name else f"{what} of shape {node.shape}"
