"""What applies a schedule to an optimizer."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from .schedule import Schedule, check_state

if TYPE_CHECKING:
    from ..optimizers.optimizer import Optimizer

__all__ = ["Scheduler"]


@final
class Scheduler:
    """Set an optimizer's learning rates by a schedule: each group's initial one times the factor.

    The rates of t = 0 are set when the scheduler is made, those of the next t by each ``step``, so
    groups keep their ratios. ``step`` is called after an epoch, or after each update, and takes
    the validation measure if there is a new one. A schedule that is written to by ``observe``
    (``HalveOnPlateau``) belongs to one scheduler, and is ``reset`` when that is made. A group that
    is added to the optimizer later takes part from the next ``step`` on; the rate that it was added
    with is its initial one.

    >>> from autograd_core import Tensor
    >>> from optim import SGD, Exponential
    >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=0.4)
    >>> scheduler = Scheduler(optimizer, Exponential(0.5))
    >>> scheduler.step()
    >>> optimizer.lr
    0.2
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule) -> None:
        if not isinstance(schedule, Schedule):
            raise TypeError(
                f"Scheduler: schedule must be a schedule such as Exponential(0.99), not "
                f"{schedule!r}"
            )
        self.optimizer, self.schedule = optimizer, schedule
        #: The step whose rates are set.
        self.t = 0
        #: The learning rate of each group as it was before.
        self.initial: list[float] = [group["lr"] for group in optimizer.param_groups]
        if not any(self.initial):
            warnings.warn(
                "Scheduler: the learning rate is 0 before the schedule begins, and stays so "
                "whatever it is multiplied by; a schedule of before may have left it there. "
                "Assign optimizer.lr",
                UserWarning,
                stacklevel=2,
            )
        schedule.reset()
        self._set(0)

    def step(self, metric: float | None = None) -> None:
        """Tell the schedule the measure, if there is one, and set the rates of the next step."""
        if metric is not None:
            self.schedule.observe(metric, self.t)
        self._set(self.t + 1)

    def observe(self, metric: float) -> None:
        """Tell the schedule a measure in the middle of counting: the step stays the same."""
        self.schedule.observe(metric, self.t)
        self._set(self.t)

    def _set(self, t: int) -> None:
        factor = self.schedule.factor(t)
        self._take_in()
        for group, initial in zip(self.optimizer.param_groups, self.initial, strict=True):
            group["lr"] = initial * factor
        self.t = t

    def _take_in(self) -> None:
        """Remember the rates of groups that were added to the optimizer since."""
        groups = self.optimizer.param_groups
        self.initial += [group["lr"] for group in groups[len(self.initial) :]]

    def state_dict(self) -> dict[str, Any]:
        """Give the step, the initial rates and what the schedule remembers, as plain data."""
        self._take_in()
        return {"t": self.t, "initial": list(self.initial), "schedule": self.schedule.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave, and set the rates; with an error nothing changes."""
        check_state("a Scheduler", state, self.state_dict())
        if len(state["initial"]) != len(self.optimizer.param_groups):
            raise ValueError(
                f"this state is of a Scheduler for {len(state['initial'])} parameter groups, and "
                f"the optimizer has {len(self.optimizer.param_groups)}"
            )
        t, initial = int(state["t"]), [float(rate) for rate in state["initial"]]
        self.schedule.load_state_dict(state["schedule"])
        self.initial = initial
        self._set(t)
