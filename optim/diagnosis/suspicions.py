"""What looks wrong with data before anything is trained: scales, labels, rows out of step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .findings import Finding

__all__ = ["look_at_inputs", "look_at_labels", "look_at_neighbours", "look_at_values"]

#: Beyond these, columns slow learning down or saturate the first layer.
LARGE, TINY = 10.0, 0.01
#: A root mean square above this is no standardized, and no [0, 1], data.
LOUD = 5.0
#: Fewer examples for a class than this, if it had its share, may be missing by chance.
ENOUGH = 10
#: Rows that neighbours are sought among, and multiplications that it may take.
ROWS, WORK = 1000, 10**9
#: Standard deviations above chance: below the first labels look unrelated to inputs, above the
#: second they are related.
CHANCE, CERTAIN = 3.0, 6.0
#: Rows by which targets may have slipped.
SLIPS = tuple(k for size in range(1, 6) for k in (size, -size))


def look_at_inputs(X: NDArray[Any], indices: bool) -> list[Finding]:
    """Look at the scale of some rows; ``indices`` says that they are numbers of entries."""
    rows = X.reshape(len(X), -1).astype(float)
    if len(X) > 1 and not np.ptp(rows, axis=0).any():
        return [
            Finding(
                "constant inputs",
                "X",
                "all examples are the same",
                "look at how X was read or transformed: there is nothing to tell examples apart by",
            )
        ]
    if indices or not rows.size:
        return []
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    rms = math.sqrt(np.mean(np.square(rows)))
    worst = int(np.argmax(np.maximum(abs(mean), deviation)))
    if abs(mean[worst]) > LARGE or deviation[worst] > LARGE or rms > LOUD:
        seen = (
            f"column {worst} has mean {mean[worst]:.3g} and deviation {deviation[worst]:.3g}, "
            f"all together a root mean square of {rms:.3g}"
        )
    elif rms < TINY:
        seen = f"all inputs are tiny, with a root mean square of {rms:.1e}"
    else:
        return []
    return [
        Finding(
            "inputs not standardized",
            "X",
            seen,
            "optim.Standardize().fit(X_train), then transform all data with it; pixels may also be "
            "divided by their largest value",
        )
    ]


def look_at_labels(y: NDArray[Any], classes: int) -> tuple[list[Finding], int]:
    """Look at integer labels of ``classes`` outputs; also returns how far they are shifted."""
    low, high = int(y.min()), int(y.max())
    if low == high and classes > 1 and len(y) > 1:
        return [_constant("label", low)], low if not 0 <= low < classes else 0
    if low < 0 or high >= classes:
        seen = f"labels go from {low} to {high}, and {classes} outputs stand for 0 to {classes - 1}"
        if high - low < classes:
            remedy = f"y - {low}, or np.unique(y, return_inverse=True)[1], counts from 0"
            return [Finding("shifted labels", "y", seen, remedy)], low
        remedy = (
            f"give the last layer {high + 1 if low >= 0 else high - low + 1} outputs, or look for "
            "labels that are none, such as -1 for unknown"
        )
        if len(np.unique(y)) <= classes:
            remedy = f"np.unique(y, return_inverse=True)[1] counts from 0; or {remedy}"
        return [Finding("labels out of range", "y", seen, remedy)], 0
    there = np.unique(y)
    missing = sorted(set(range(classes)) - set(there.tolist())) if classes <= len(y) else []
    if missing and len(y) >= ENOUGH * classes:
        several = len(missing) > 1
        which = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        seen = (
            f"class{'es' * several} {which} of {classes} do{'es' * (not several)} not occur in "
            f"{len(y)} examples"
        )
        remedy = "sort out why; with sorted data, shuffle before splitting (train_val_test_split)"
        if missing[-1] < low:
            remedy = f"if labels start at {low}, use y - {low} and fewer outputs; else " + remedy
        elif missing[0] > high:
            remedy = f"{high + 1} outputs, if there are no more classes; else " + remedy
        return [Finding("missing class" + "es" * several, "y", seen, remedy)], 0
    return [], 0


def look_at_values(y: NDArray[Any]) -> list[Finding]:
    """Look at targets that are numbers."""
    rows = y.reshape(len(y), -1).astype(float)
    if len(y) > 1 and not np.ptp(rows, axis=0).any():
        return [_constant("target", rows[0].tolist() if rows.shape[1] > 1 else rows[0, 0])]
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    worst = int(np.argmax(np.maximum(abs(mean), deviation)))
    if abs(mean[worst]) > 10 * LARGE or deviation[worst] > 10 * LARGE:
        return [
            Finding(
                "targets not standardized",
                "y",
                f"mean {mean[worst]:.3g} and deviation {deviation[worst]:.3g}: the squared error "
                "starts huge, and so do the gradients",
                "train on (y - mean) / deviation of the training targets (optim.Standardize on "
                "y[:, None]), and transform predictions back",
            )
        ]
    return []


def look_at_neighbours(X: Any, y: NDArray[Any], rng: np.random.Generator) -> list[Finding]:
    """See whether examples with like inputs have like targets, more than by chance.

    The nearest other example of each is found; for classes the share with the same one is set
    against Σ p², for numbers the correlation against zero. Where there is no relation, targets
    are tried some rows further up and down.
    """
    n = len(y)
    width = max(1, math.prod(X.shape[1:]))
    count = min(n, ROWS, int(math.sqrt(WORK / width)))
    if count < 100 or (y == y[0]).all():
        return []
    rows = np.sort(rng.choice(n, count, replace=False))
    near, distance = _nearest(np.asarray(X[rows]).reshape(count, -1).astype(float))
    classes = y.dtype.kind in "iub" and y.ndim == 1
    targets = y if classes else y.reshape(n, -1).astype(float).mean(axis=1)
    twins = float(np.mean((distance == 0) & (targets[rows] != targets[rows[near]])))
    found = []
    if classes and twins > 0.02:
        found.append(
            Finding(
                "contradictory labels",
                "y",
                f"{twins:.0%} of {count} examples have a twin, the same inputs with another label",
                "look at such pairs: inputs that lost what tells them apart, or labels in doubt",
            )
        )

    def relation(slip: int) -> tuple[float, float, float]:
        own, other = targets[(rows + slip) % n], targets[(rows[near] + slip) % n]
        if not classes:
            if not (own.std() and other.std()):
                return 0.0, 0.0, 0.0
            correlation = float(np.corrcoef(own, other)[0, 1])
            return correlation, 0.0, correlation * math.sqrt(count)
        share = float(np.mean(own == other))
        chance = float(np.sum(np.square(np.unique(y, return_counts=True)[1] / n)))
        return share, chance, (share - chance) / math.sqrt(chance * (1 - chance) / count)

    measured, chance, certainty = relation(0)
    if certainty >= CHANCE:
        return found
    if classes:
        seen = (
            f"nearest neighbours have the same label in {measured:.0%} of cases, by chance it is "
        )
        seen += f"{chance:.0%}"
    else:
        seen = f"targets of nearest neighbours have a correlation of {measured:.2f}"
    slip = max(SLIPS, key=lambda k: relation(k)[2])
    better, _, certainty = relation(slip)
    if certainty > CERTAIN:
        size, sign = abs(slip), "+" if slip > 0 else "-"
        seen += f"; with row i of X beside row i {sign} {size} of y it is "
        seen += f"{better:.0%}" if classes else f"{better:.2f}"
        remedy = (
            f"y seems to be {size} row{'s' * (size > 1)} out of step with X: look for a header or "
            "a row that only one of them lost"
        )
    else:
        remedy = (
            "see whether the rows of X and y are in the same order (both shuffled with one "
            "permutation); if they are, inputs as they stand may say nothing about the target"
        )
    return [*found, Finding("targets unrelated to inputs", "X, y", seen, remedy)]


def _nearest(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Find the nearest other row of each, all columns on one scale, and how far it is."""
    deviation = rows.std(axis=0)
    rows = (rows - rows.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    squares = np.square(rows).sum(axis=1)
    distance = squares[:, None] + squares - 2.0 * (rows @ rows.T)
    np.fill_diagonal(distance, np.inf)
    near = distance.argmin(axis=1)
    # The difference itself, for the sum above rounds to about zero where it is zero.
    return near, np.square(rows - rows[near]).sum(axis=1)


def _constant(what: str, value: Any) -> Finding:
    return Finding(
        "constant targets",
        "y",
        f"every {what} is {value}",
        "look at how y was read: a wrong column, or data sorted by class and cut off",
    )
