"""What an import loads, in modules and in work; and that names come when they are asked for.

Each question is asked of a fresh process. What NumPy has loaded is not counted.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim
import viz
from autograd_core import ops, registry
from autograd_core.lazy import FRONT_PAGES

PAGES = (ag, nn, optim, viz)
OURS = {page.__name__ for page in PAGES}

# What recording a graph and walking it back need.
CORE = {
    "autograd_core",
    *(
        f"autograd_core.{name}"
        for name in (
            "apply", "backprop", "creation", "errors", "functions", "graph", "hooks", "lazy",
            "memory", "methods", "operators", "ops", "record", "registry", "settings", "tensor",
            "ufuncs", "values", "views", "walk",
        )
    ),
    *(f"autograd_core.ops.{name}" for name in ops.__all__),
}  # fmt: skip
# What it takes of others, most of which NumPy has loaded already.
OTHERS = (
    "__future__, bisect, contextlib, contextvars, dis, functools, gc, inspect, re, threading, "
    "typing, warnings, weakref, numpy.fft"
)


def run(code: str) -> str:
    """What a fresh process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def loaded(statement: str) -> frozenset[str]:
    """The modules that a statement loads, but for those that `import numpy` loads."""
    code = f"import sys, numpy; b = {{*sys.modules}}\n{statement}\nprint(*({{*sys.modules}} - b))"
    return frozenset(run(code).split())


def ours(modules: frozenset[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in OURS}


def test_the_core_loads_what_everybody_needs() -> None:
    modules = loaded("import autograd_core")
    assert ours(modules) == CORE
    assert modules - CORE <= loaded(f"import {OTHERS}")


@pytest.mark.parametrize("package", sorted(OURS - {"autograd_core"}))
def test_a_package_loads_nothing_before_it_is_asked(package: str) -> None:
    assert loaded(f"import {package}") == loaded("import autograd_core") | {package}


@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("from autograd_core import grad", {"autograd_core.inspection", "autograd_core.testing"}),
        ("from nn import Linear", {"nn.autoencoder", "optim.training", "optim.data", "json"}),
        ("from optim import SGD", {"nn", "optim.training", "optim.diagnosis", "numpy.random"}),
        ("from viz import curves", {"viz.flow_graph", "viz.layout", "graphviz", "matplotlib"}),
    ],
)
def test_a_name_loads_its_module_and_not_the_others(statement: str, without: set[str]) -> None:
    modules = loaded(statement)
    assert statement.split()[1] in modules
    assert not modules & without


def test_no_signature_is_bound_at_import() -> None:
    """``inspect.signature`` costs more than all else in a declaration."""
    count = run(
        "import inspect, numpy\n"
        "asked, signature = [], inspect.signature\n"
        "inspect.signature = lambda *a, **k: asked.append(a) or signature(*a, **k)\n"
        "import autograd_core\n"
        "print(len(asked), len({*autograd_core.OPS.values()}))"
    )
    asked, declared = map(int, count.split())
    assert asked <= 5
    assert declared > 300


@pytest.mark.parametrize("state", ["enable", "disable"])
def test_the_collector_is_left_as_it_was(state: str) -> None:
    run(
        f"import gc; gc.{state}(); import autograd_core\n"
        f"assert gc.isenabled() is {state == 'enable'}"
    )


# --- the names of a declaration's parameters, read from the code ------------------------------


def _starred(f: Any, *_rest: Any, c: int = 1, d: Any, **_options: Any) -> None: ...
def _keywords(*_rest: Any, c: int = 1) -> None: ...
def _positional(b: Any, /, *, c: int = 1, **_options: Any) -> None: ...


@functools.wraps(_starred)
def _wrapped(*_args: Any) -> None: ...


def _told(x: Any) -> None: ...


_told.__signature__ = inspect.signature(_keywords)  # type: ignore[attr-defined]


def functions() -> Iterator[Callable[..., Any]]:
    yield from (_starred, _keywords, _positional, _wrapped, _told, functools.partial(_starred, 1))
    for op in dict.fromkeys(ag.OPS.values()):
        yield from (f for f in (op.fn, op.composition, *op.rules) if callable(f) and f != ag.ZERO)


def test_parameters_are_those_of_the_signature() -> None:
    checked = 0
    for function in functions():
        if isinstance(function, np.ufunc):
            continue
        try:
            parameters = inspect.signature(function).parameters
        except ValueError:  # an older NumPy's functions in C
            continue
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        assert registry._parameters(function) == (tuple(parameters), open_ended), function
        checked += 1
    assert checked > 400


# --- names that come when they are asked for --------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
class TestFrontPages:
    def test_each_name_is_what_its_module_has(self, page: Any) -> None:
        for name, module in FRONT_PAGES[page.__name__].items():
            home = importlib.import_module(f"{page.__name__}.{module or name}")
            assert getattr(page, name) is (home if module is None else getattr(home, name))

    def test_all_names_are_listed_and_there(self, page: Any) -> None:
        assert len(page.__all__) == len({*page.__all__})
        assert {*page.__all__} <= {*dir(page)}
        star: dict[str, Any] = {}
        exec(f"from {page.__name__} import *", star)
        assert all(star[name] is getattr(page, name) for name in page.__all__)

    def test_others_are_not(self, page: Any) -> None:
        with pytest.raises(AttributeError, match=f"module '{page.__name__}' has no attribute 'x1'"):
            _ = page.x1
        with pytest.raises(ImportError, match="cannot import name 'x1'"):
            exec(f"from {page.__name__} import x1")
        assert not hasattr(page, "__wrapped__")

    def test_a_name_can_be_replaced_and_put_back(
        self, page: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in FRONT_PAGES[page.__name__]:
            found = getattr(page, name)
            with monkeypatch.context() as patch:
                patch.setattr(page, name, 1)
                assert getattr(page, name) == 1
            assert getattr(page, name) is found


def test_a_function_goes_before_the_module_of_its_name() -> None:
    run(
        "import autograd_core.conventions, optim.minimize, viz.difference, viz.load\n"
        "import viz.record as record\n"
        "found = [autograd_core.conventions, optim.minimize, viz.difference, viz.flow_graph]\n"
        "found += [viz.load, viz.record, record]\n"
        "assert all(type(f).__name__ == 'function' for f in found), found"
    )


def test_modules_are_attributes() -> None:
    run("import nn, optim; assert nn.losses.mse_loss is nn.mse_loss; optim.data, optim.optimizers")


def test_threads_that_ask_first_get_the_same() -> None:
    run(
        "import sys, threading, autograd_core as ag, nn\n"
        "sys.setswitchinterval(1e-6)\n"
        "found, ready = [], threading.Barrier(8)\n"
        "def ask():\n"
        "    ready.wait()\n"
        "    found.append((ag.grad, ag.inspect, nn.Linear, nn.MLP, ag.testing.check_gradients))\n"
        "threads = [threading.Thread(target=ask) for _ in range(8)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "assert len(found) == 8 and len({*found}) == 1, found"
    )
