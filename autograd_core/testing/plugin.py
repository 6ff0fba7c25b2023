"""For pytest: ``pytest --gradcheck module.path`` checks the gradients of what is found there.

Every `Primitive`, every module with parameters and every function marked by `gradcheck` becomes a
test of its own, and the summary ends with a table of them.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .targets import Target

# Nothing of ours is imported above: without --gradcheck the plugin costs what pytest makes of it.

PROPERTY = "gradcheck"
ORDERS = (1, 2)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradcheck", "gradients against finite differences")
    group.addoption(
        "--gradcheck",
        action="append",
        default=[],
        metavar="MODULE[,MODULE]",
        help="check the primitives, modules and marked functions of these Python modules, and of "
        "all below a package; without paths of tests, nothing else is run",
    )
    group.addoption(
        "--gradcheck-order",
        type=int,
        choices=ORDERS,
        default=2,
        help="the order of derivatives to check, where a marker does not say (default 2)",
    )
    group.addoption(
        "--gradcheck-seed",
        type=int,
        default=0,
        help="of the samples, directions and cotangents (default 0)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "gradcheck(order): the order of derivatives, 1 or 2, that the fixture gradcheck and "
        "property tests check",
    )
    for name in _names(config):
        if not all(part.isidentifier() for part in name.split(".")):
            raise pytest.UsageError(
                f"--gradcheck takes modules as an import names them, package.module, not {name!r}"
            )


def _names(config: pytest.Config) -> list[str]:
    given = [name.strip() for text in config.getoption("gradcheck") for name in text.split(",")]
    return list(dict.fromkeys(name for name in given if name))


# -- collecting ---------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if isinstance(collector, pytest.Session) and (names := _names(collector.config)):
        if _alone(collector.config):
            report.result = []
        report.result = [
            *report.result,
            *(ModuleRoot.from_parent(collector, name=name, nodeid=name) for name in names),
        ]
    return report


def _alone(config: pytest.Config) -> bool:
    """Whether no tests were named on the command line, so that only the modules are checked."""
    worker = getattr(config, "workerinput", None)
    if worker is not None and "gradcheck_alone" in worker:
        return bool(worker["gradcheck_alone"])
    return config.args_source is not pytest.Config.ArgsSource.ARGS


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what its command line, made by the controller, can't."""
    node.workerinput["gradcheck_alone"] = _alone(node.config)


class ModuleRoot(pytest.Collector):
    """A module, or a package with all below it, named on the command line."""

    def collect(self) -> list[pytest.Collector]:
        from .targets import find_targets, modules_of

        here = str(self.config.invocation_params.dir)
        if here not in sys.path:  # as `python -m pytest` has it
            sys.path.insert(0, here)
        try:
            modules = modules_of(self.name)
        except Exception as error:
            raise self.CollectError(_explained(self.name, error)) from error
        try:
            targets = find_targets(modules)
        except (TypeError, ValueError) as error:
            raise self.CollectError(f"--gradcheck {self.name}: {error}") from error
        if not targets:
            raise self.CollectError(
                f"--gradcheck {self.name}: nothing to check is defined there: no primitive, no "
                "class or instance with named_parameters(), no function marked by "
                "autograd_core.testing.gradcheck or named in gradcheck_samples"
            )
        groups: dict[str, list[Target]] = {}
        for target in targets:
            groups.setdefault(target.module, []).append(target)
        return [
            ModuleTargets.from_parent(self, name=module, nodeid=module, targets=group)
            for module, group in groups.items()
        ]


def _explained(name: str, error: Exception) -> str:
    """Say why a module cannot be checked: it is missing, or fails with a traceback of its own."""
    if (
        isinstance(error, ModuleNotFoundError)
        and error.name
        and f"{name}.".startswith(f"{error.name}.")
    ):
        return (
            f"--gradcheck {name}: there is no module {error.name!r} on the import path; it holds "
            f"the directory pytest was started in and what the setting `pythonpath` names"
        )
    return f"--gradcheck {name}: importing it fails: {_shortened(error)}"


def _shortened(error: BaseException) -> str:
    """Say what was raised, and where, without pytest, the import system and this plugin."""
    inner = ("importlib", "/_pytest/", "/pluggy/", "/autograd_core/testing/", "contextlib.py")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(part in Path(frame.filename).as_posix() for part in inner)
    ]
    lines = traceback.format_exception_only(error) + traceback.format_list(frames)
    return "".join(lines).rstrip()


class ModuleTargets(pytest.Collector):
    """The targets that a module defines."""

    def __init__(self, targets: list[Target], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.targets = targets

    def collect(self) -> Iterator[pytest.Item]:
        order = self.config.getoption("gradcheck_order")
        for target in self.targets:
            title = f"{target.name}[order {target.chosen_order(order)}]"
            yield GradcheckItem.from_parent(self, name=title, target=target)


class GradcheckItem(pytest.Item):
    """The check of one target."""

    def __init__(self, target: Target, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.order = target.chosen_order(self.config.getoption("gradcheck_order"))
        self.add_marker(pytest.mark.gradcheck(order=self.order))

    def runtest(self) -> None:
        from ..settings import seed as seeded
        from .targets import Skipped, shown

        seed = self.config.getoption("gradcheck_seed")
        with _entered(self, self.target.kind, self.order) as row, seeded(seed):
            try:
                call = self.target.draw(seed)
            except Skipped as reason:
                row["result"] = f"skipped: {str(reason).split(':')[0]}"
                raise pytest.skip.Exception(str(reason), _use_item_location=True) from None
            row["arguments"] = shown(call.arguments)
            row["error"] = _worst(self.target.check(call, self.order, seed))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        from . import GradientCheckError

        if isinstance(excinfo.value, GradientCheckError):
            return str(excinfo.value)
        return f"the check could not be made: {_shortened(excinfo.value)}"

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Where the target is defined, and a headline."""
        from .targets import place_of

        return *place_of(self.target), f"{self.target.module} {self.name}"


# -- tests that check by themselves ---------------------------------------------------------------


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """`check_gradients`, with the order of the marker or command line, in the report's table."""
    from ..settings import check_primitives
    from . import check_gradients
    from .targets import shown

    config = request.config

    def check(f: Any, *args: Any, **options: Any) -> Any:
        options.setdefault("order", _marked(request.node) or config.getoption("gradcheck_order"))
        options.setdefault("seed", config.getoption("gradcheck_seed"))
        kind = "module" if hasattr(f, "named_parameters") else "function"
        with _entered(request.node, kind, options["order"]) as row:
            row["arguments"] = shown(args)
            with check_primitives(False):  # this check says more than a primitive's own
                report = check_gradients(f, *args, **options)
            row["error"] = _worst(report)
        return report

    return check


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Tell property tests what order the marker asks for."""
    order = _marked(item)
    if order is None:
        yield
        return
    from .targets import ORDER

    token = ORDER.set(order)
    try:
        yield
    finally:
        ORDER.reset(token)


def _marked(item: pytest.Item) -> int | None:
    marker = item.get_closest_marker("gradcheck")
    if marker is None:
        return None
    order: int | None = marker.kwargs.get("order", marker.args[0] if marker.args else None)
    if order not in (None, *ORDERS):
        raise pytest.UsageError(
            f"{item.nodeid}: the marker gradcheck has order 1 or 2, not {order}"
        )
    return order


# -- the report -----------------------------------------------------------------------------------


@contextmanager
def _entered(item: pytest.Item, kind: str, order: int) -> Iterator[dict[str, Any]]:
    """Enter a row into the table, whatever comes of the check that runs inside."""
    from ..errors import RuleError
    from . import GradientCheckError

    name = item.nodeid.removesuffix(f"[order {order}]")
    row: dict[str, Any] = {"name": name, "kind": kind, "arguments": "", "order": order}
    row |= {"error": None, "result": "ok"}
    start = time.perf_counter()
    try:
        yield row
    except GradientCheckError as error:
        row["result"] = "WRONG"
        found = [f.error for f in error.failures if f.error is not None]
        row["error"] = float(max(found)) if found else None
        raise
    except RuleError:
        row["result"] = "WRONG"
        raise
    except Exception as error:
        row["result"] = f"ERROR: {type(error).__name__}"
        raise
    finally:
        row["seconds"] = time.perf_counter() - start
        # Plain data, which pytest-xdist carries from its workers with the test's report.
        item.user_properties.append((PROPERTY, row))


def _worst(report: Any) -> float | None:
    return float(max(report.values())) if report else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows = [
        value
        for group in terminalreporter.stats.values()
        for report in group
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    ]
    if not rows:
        return
    rows.sort(key=lambda row: row["name"])
    terminalreporter.section("gradients against finite differences", sep="=")
    for line in _table(rows):
        terminalreporter.line(line, red="WRONG" in line or "ERROR" in line)
    count = dict.fromkeys(("ok", "WRONG", "ERROR", "skipped"), 0)
    for row in rows:
        count[row["result"].split(":")[0]] += 1
    text = f"{count['ok']} right, {count['WRONG']} wrong"
    if count["ERROR"]:
        text += f", {count['ERROR']} that could not be checked"
    if count["skipped"]:
        text += f", {count['skipped']} skipped (pytest -rs says why, and what to do)"
    terminalreporter.line("")
    terminalreporter.line(text)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    head = ("name", "kind", "arguments", "order", "worst error", "time", "result")
    cells = [head] + [
        (
            row["name"],
            row["kind"],
            row["arguments"] if len(row["arguments"]) <= 30 else row["arguments"][:27] + "...",
            str(row["order"]),
            "" if row["error"] is None else f"{row['error']:.1e}",
            f"{1000 * row['seconds']:.0f} ms",
            row["result"],
        )
        for row in rows
    ]
    widths = [max(len(line[k]) for line in cells) for k in range(len(head))]
    right = {3, 4, 5}
    return [
        "  ".join(
            text.rjust(width) if k in right else text.ljust(width)
            for k, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
