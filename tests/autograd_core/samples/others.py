"""Samples of ops that other packages declare."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .base import Case, Draw, numbers, one, sample_for, shapes


@sample_for("nn.losses.cross_entropy")
def cross_entropy(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=1))
    labels = draw(hnp.arrays(np.int64, x.shape[:-1], elements=st.integers(0, x.shape[-1] - 1)))
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    return one(x, labels, reduction=reduction)
