"""Calls of einsum: subscripts and operands that fit them."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import DTypeLike, NDArray

from .geometry import Draw
from .grid import filled, floating, grid

__all__ = ["EinsumCall", "einsum_calls"]

_LETTERS = "ijkl"


class EinsumCall(NamedTuple):
    """What ``einsum`` is called with: ``np.einsum(call.subscripts, *call.operands)``."""

    subscripts: str
    operands: tuple[NDArray[Any], ...]


def einsum_calls(
    max_operands: int = 3,
    dtype: DTypeLike | st.SearchStrategy[Any] = float,
    *,
    max_dims: int = 3,
    max_side: int = 3,
) -> st.SearchStrategy[EinsumCall]:
    """Draw calls of einsum: sums, products, transposes, traces and diagonals, with broadcasting.

    The output is explicit or implicit, a letter may repeat within an operand and between them, an
    ellipsis may stand anywhere in an operand, and a side may be 1 where another's is longer.

    Args:
        max_operands: how many operands there are at most.
        dtype: of the operands, as in ``arrays``.
        max_dims: how many letters an operand has at most; an ellipsis adds up to two dimensions.
        max_side: the longest side.

    >>> from hypothesis import find
    >>> find(einsum_calls(), lambda call: len(call.operands) == 2 and "i->i" in call.subscripts)
    EinsumCall(subscripts=',i->i', operands=(array(0.), array([0.])))
    """
    if max_operands < 1:
        raise ValueError(f"einsum_calls: max_operands must be at least 1, not {max_operands}")
    return _calls(max_operands, floating(dtype, "einsum_calls"), max_dims, max_side)


@st.composite
def _calls(draw: Draw, most: int, dtypes: Any, max_dims: int, max_side: int) -> EinsumCall:
    # What does not depend on the letters chosen comes first, so that a letter can be left out
    # alone when an example is made smaller.
    letters = _LETTERS[: max(max_dims, 1)]
    sides = {letter: draw(st.integers(1, max_side)) for letter in letters}
    order = draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))]
    explicit, dots_at_all = draw(st.booleans()), draw(st.booleans())
    number = draw(st.integers(1, most))
    # Within an operand a letter has one length, but an operand may have 1 where others have more.
    thin = [draw(st.lists(st.sampled_from(letters), max_size=1)) for _ in range(number)]
    dotted = [dots_at_all and draw(st.booleans()) for _ in range(number)]
    broadcast = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=number, max_dims=2, max_side=max_side)
    ).input_shapes
    words, subscripts, shapes = [], [], []
    for ones, dots, extra in zip(thin, dotted, broadcast, strict=True):
        word = "".join(draw(st.lists(st.sampled_from(letters), max_size=max_dims)))
        words.append(word)
        shape = tuple(1 if letter in ones else sides[letter] for letter in word)
        if dots:
            at = draw(st.integers(0, len(word)))
            subscripts.append(f"{word[:at]}...{word[at:]}")
            shapes.append((*shape[:at], *extra, *shape[at:]))
        else:
            subscripts.append(word)
            shapes.append(shape)
    text = ",".join(subscripts)
    if explicit:
        output = "".join(letter for letter in order if letter in text)
        if any(dotted):
            at = draw(st.integers(0, len(output)))
            output = f"{output[:at]}...{output[at:]}"
        text += f"->{output}"
    dtype, numbers = draw(dtypes), grid(None, None, "einsum_calls")
    return EinsumCall(text, tuple(filled(draw, numbers, shape, dtype) for shape in shapes))
