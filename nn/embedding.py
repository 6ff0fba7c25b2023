"""Embeddings: a vector to learn for each of a number of things."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import DTypeLike

from autograd_core import Tensor

from .checks import count
from .init import Initialiser, initialise
from .module import Module, Parameter

__all__ = ["Embedding"]


@final
class Embedding(Module):
    """Look up row ``weight[i]`` for each index i: (...) whole numbers give (..., features).

    The same as a ``Linear`` without bias applied to one-hot rows, without making them; the gradient
    is zero but in the rows that were looked up. Rows start from N(0, 1) unless ``init`` says
    otherwise.

    Indices that are not whole numbers are a ``TypeError``; one outside 0 to
    ``num_embeddings - 1``, negative ones included, is a ``ValueError`` that names it and its place.

    >>> layer = Embedding(10, 3)
    >>> layer(np.array([[1, 2, 4], [4, 3, 2]])).shape
    (2, 3, 3)
    >>> layer([1, 12])
    Traceback (most recent call last):
    ValueError: Embedding(10, 3): the index 12 at place 1 is outside 0 to 9
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        init: str | Initialiser = "normal",
        rng: np.random.Generator | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.num_embeddings = count("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = count("Embedding", "embedding_dim", embedding_dim)
        weight = initialise(init, (self.num_embeddings, self.embedding_dim), rng=rng, dtype=dtype)
        self.weight = Parameter(weight, name="weight")

    def forward(self, indices: Any) -> Tensor:
        """Look up the rows of ``indices``."""
        given = indices.data if isinstance(indices, Tensor) else np.asarray(indices)
        if not given.size and isinstance(indices, (list, tuple)):
            given = given.astype(np.int64)  # an empty list is one of floats to NumPy
        if given.dtype.kind not in "iu":
            raise TypeError(f"{self!r}: indices must be whole numbers, not {given.dtype}")
        if isinstance(given, Tensor):
            # Under vmap nobody can look at the values; NumPy itself refuses what is too large.
            return self.weight[np.where(given < 0, self.num_embeddings, given)]
        index = given.astype(np.int64, copy=False)
        # Read without a sign, a negative index is a huge one: a single pass finds both kinds.
        unsigned = index.view(np.uint64)
        if index.size and unsigned.max() >= self.num_embeddings:
            wrong = tuple(np.argwhere(unsigned >= self.num_embeddings)[0].tolist())
            place = f" at place {', '.join(map(str, wrong))}" if wrong else ""
            last = self.num_embeddings - 1
            raise ValueError(f"{self!r}: the index {given[wrong]}{place} is outside 0 to {last}")
        return self.weight[index]

    def extra_repr(self) -> str:
        """Say the number of rows and their features."""
        return f"{self.num_embeddings}, {self.embedding_dim}"
