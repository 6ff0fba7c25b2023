"""Where a user's rules are checked: on the sample, or near the operands of the first call."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from .. import settings
from ..errors import RuleError
from ..record import mode, watcher
from ..transforms.batched import one_example
from .trial import MOVED, Lost, Point, Rough, Subject, Trial, merge, random_like, typical

__all__ = ["check_near", "check_on_sample", "compared"]

_T = TypeVar("_T")

# How far from a call's operands the check is done: again closer to them if the function fails
# there, and at last at the operands themselves.
SPREADS = (0.1, 0.1, 0.03, 0.01, 1e-3, 0.0)


def compared(subject: Subject, operands: Sequence[Any]) -> int:
    """Which operands a check there compares, one bit for each: floating ones with elements."""
    return sum(
        1 << i
        for i in subject.moving
        if np.asarray(operands[i]).dtype.kind in "fc" and np.size(operands[i])
    )


def check_on_sample(
    subject: Subject, draw: Callable[[np.random.Generator], Any], seed: int
) -> dict[str, float]:
    """Check on inputs that the user chose: two draws of those that are smooth.

    Raises RuleError for a wrong rule, and where no input can be used.
    """

    def check() -> dict[str, float]:
        rng = np.random.default_rng(seed)
        errors: dict[str, float] = {}
        done, trouble = 0, ""
        for k in range(6):
            operands, params = draw(rng)
            _refuse_integers(subject, operands)
            point = _spread(subject, operands, 0.0 if k < 2 else SPREADS[-k], rng)
            try:
                merge(errors, _check(subject, point, operands, params, rng, max(k - 1, 0)))
            except (Rough, Lost) as found:
                trouble = str(found)
            else:
                done += 1
                if done == 2:
                    return errors
        if not done:
            raise RuleError(f"{subject.name} could not be checked on its sample: {trouble}")
        return errors

    return apart(check)


def _refuse_integers(subject: Subject, operands: Sequence[Any]) -> None:
    """Refuse a sample on which an operand's rule would not be compared, unseen."""
    for i in subject.moving:
        dtype = np.asarray(operands[i]).dtype
        if dtype.kind in "biu":
            raise RuleError(
                f"{subject.name}: in its sample operand {i} ({subject.operands[i]!r}) has dtype "
                f"{dtype}, by which nothing is differentiated. Write 1.0 for 1, or name it in "
                "constants"
            )
    if not compared(subject, operands):
        raise RuleError(f"{subject.name}: its sample holds no numbers to differentiate by")


def check_near(subject: Subject, operands: Sequence[Any], params: dict[str, Any]) -> bool:
    """Check near the operands of a call; False if the function fails at all points there.

    Raises RuleError for a wrong rule, and for a function that is not smooth near there.
    """

    def check() -> bool:
        rng = np.random.default_rng(0)
        rough = ""
        for k, spread in enumerate(SPREADS):
            point = _spread(subject, operands, spread, rng)
            try:
                _check(subject, point, operands, params, rng, k)
            except Rough as found:
                rough = str(found)
            except Lost:
                pass
            else:
                return True
        if rough:
            raise RuleError(
                f"{subject.name}: its rule could not be checked near this call's operands: "
                f"{rough}. Declare it with primitive(sample=...) where it is smooth, or with "
                "check=False"
            )
        return False

    return apart(check)


def apart(check: Callable[[], _T]) -> _T:
    """Run a check so that it leaves no trace: in a context of its own, on generators of its own."""

    def alone() -> _T:
        mode.set(True)
        watcher.set(None)
        settings.check_primitives(False)  # a rule may call primitives, this one too
        state = np.random.get_state()  # noqa: NPY002 - the function may draw from it
        try:
            with np.errstate(all="ignore"), one_example():
                return check()
        finally:
            np.random.set_state(state)  # noqa: NPY002

    return contextvars.copy_context().run(alone)


def _spread(
    subject: Subject, operands: Sequence[Any], spread: float, rng: np.random.Generator
) -> Point:
    """The operands, those that move in double precision and moved: each relative to its size, so
    that signs stay, and zeros upward."""
    point = [np.array(x) if isinstance(x, np.ndarray) else x for x in operands]
    for i in subject.moving:
        x = np.asarray(operands[i])
        if x.dtype.kind not in "fc":
            continue
        x = x.astype(np.result_type(x.dtype, np.float64))
        if spread:
            zeros = x == 0
            scale = typical(x)
            x = np.asarray(x * (1.0 + spread * random_like(rng, x)))
            x[zeros] = spread * np.abs(random_like(rng, x[zeros])) * scale
        point[i] = x
    return point


def _check(
    subject: Subject,
    point: Point,
    given: Sequence[Any],
    params: dict[str, Any],
    rng: np.random.Generator,
    tried: int,
) -> dict[str, float]:
    """Check at a point, after others were ``tried``: fewer elements move, and less is asked."""
    moved = (MOVED, 8, 2)[min(tried, 2)]
    trial = Trial(subject, point, params, moved)
    try:
        trial.start()
    except RuleError:
        raise
    except Exception as error:
        # In the precision of the call: the function may be compiled for that one.
        point = [np.array(x) if isinstance(x, np.ndarray) else x for x in given]
        point = [np.asarray(x) if i in subject.moving else x for i, x in enumerate(point)]
        trial = Trial(subject, point, params, moved)
        try:
            trial.start()
        except RuleError:
            raise
        except Exception:
            raise Lost(f"it raised {type(error).__name__}: {error}") from None
    trial.precision(coarse=tried > 2)
    try:
        return trial.check(rng)
    except RuleError:
        raise
    except (Rough, Lost):
        raise
    except Exception as error:
        error.add_note(
            f"in the check of the rules of {subject.name}, on operands of shape "
            f"{' and '.join(str(np.shape(x)) for x in point)}"
            + ("; one not made of functions of the table needs arrays=True" * (subject.order == 2))
        )
        raise
