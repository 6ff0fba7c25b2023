"""`pytest --gradcheck` finds what there is to check, and reports it."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

# Imported here, for what a run within this process imports anew is forgotten after it.
import autograd_core.testing.property
import autograd_core.testing.targets
import nn  # noqa: F401
from autograd_core.testing import gradcheck

assert autograd_core

pytest_plugins = ["pytester"]

PLUGIN = "autograd_core.testing.plugin"

OPS = """
    import numpy as np
    import autograd_core as ag
    import nn
    from autograd_core.testing import gradcheck

    @ag.primitive(sample=lambda rng: (rng.normal(size=3),))
    def softplus(x):
        return np.logaddexp(0.0, x)

    @softplus.rule
    def _(g, out, _x):
        return g * (1 - np.exp(-out))

    @ag.primitive(arrays=True, constants=["n"],
                  sample=lambda rng: (rng.uniform(1, 2, 3), np.array(2.0), {"scale": 3.0}))
    def power(x, n, *, scale=1.0):
        return scale * x**n

    @power.rule
    def _(g, out, x, n, scale):
        return g * scale * n * x ** (n - 1)

    @gradcheck(sample=lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=3)))
    def product(x, y):
        return x * y

    class Scale(nn.Module):
        def __init__(self, n):
            self.w = nn.Parameter(np.full(n, 2.0))

        def forward(self, x):
            return x * self.w

        @classmethod
        def gradcheck_sample(cls, rng):
            return cls(3), rng.normal(size=(4, 3))

    class Offset(nn.Module):
        def __init__(self):
            self.b = nn.Parameter(1.0)

        def forward(self, x):
            return x + self.b

    def plain(x):
        return x**2

    net = nn.Sequential(nn.Linear(3, 2, dtype=float), nn.Tanh())
    gradcheck_samples = {
        "net": lambda rng: (rng.normal(size=(5, 3)),),
        Offset: lambda rng: (Offset(), rng.normal(size=2)),
        plain: (np.arange(3.0),),
    }
"""

FAULTY = """
    import numpy as np
    import autograd_core as ag
    import nn
    from autograd_core.testing import gradcheck

    @ag.primitive(sample=lambda rng: (rng.normal(size=3),))
    def halved(x):
        return np.sin(x)

    @halved.rule
    def _(g, _out, x):
        return 0.5 * g * np.cos(x)

    @gradcheck(sample=(np.array([1.0, 2.0]),))
    def second(x):  # right at order 1, wrong at order 2
        return ag.stop_gradient(x) * x * 2 - ag.stop_gradient(x * x) + 0.0 * x

    class Untracked(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(np.full(3, 2.0))

        def forward(self, x):
            return x * self.w.detach() + 0.0 * self.w

        @classmethod
        def gradcheck_sample(cls, rng):
            return cls(), rng.normal(size=3)
"""


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Run pytest in a directory with no settings; warnings are errors."""

    def runs(*args: str) -> pytest.RunResult:
        return pytester.runpytest_inprocess("-p", PLUGIN, "-W", "error", *args)

    return runs


def table(result: pytest.RunResult) -> dict[str, list[str]]:
    """The rows of the report, by name."""
    start = next(i for i, line in enumerate(result.outlines) if "finite differences ==" in line)
    assert result.outlines[start + 1].split()[:4] == ["name", "kind", "arguments", "order"]
    rows = {}
    for line in result.outlines[start + 2 :]:
        if not line.strip():
            break
        name, *cells = re.split(r"\s{2,}", line)
        rows[name] = cells
    return rows


def test_everything_in_a_module_is_checked(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(ops=OPS, test_other="def test_is_not_run(): raise Exception")
    result = run("--gradcheck", "ops", "-v")
    result.assert_outcomes(passed=7)
    assert result.ret == 0
    result.stdout.fnmatch_lines_random(
        [
            "ops::softplus?order 2? PASSED*",
            "ops::power?order 1? PASSED*",
            "ops::product?order 2? PASSED*",
            "ops::Scale?order 2? PASSED*",
            "ops::Offset?order 2? PASSED*",
            "ops::plain?order 2? PASSED*",
            "ops::net?order 2? PASSED*",
            "7 right, 0 wrong",
        ]
    )
    rows = table(result)
    assert rows["ops::softplus"][:3] == ["primitive", "(3,)", "2"]
    assert rows["ops::power"][:3] == ["primitive", "(3,), ()", "1"]
    assert rows["ops::product"][:3] == ["function", "(2, 3), (3,)", "2"]
    assert rows["ops::Scale"][:3] == ["module", "(4, 3)", "2"]
    for cells in rows.values():
        assert float(cells[3]) < 1e-6
        assert cells[4].endswith(" ms")
        assert cells[5] == "ok"


def test_faults_are_found_and_printed(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(faulty=FAULTY)
    result = run("--gradcheck", "faulty")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*_ faulty halved?order 2? _*",
            "the gradient of x is wrong: at element *",
            "*from faulty import halved",
            "*check_gradients(*",
        ]
    )
    rows = table(result)
    assert {cells[-1] for cells in rows.values()} == {"WRONG"}
    assert rows["faulty::halved"][3] == "5.0e-01"
    assert "Traceback" not in result.stdout.str()
    assert "_pytest" not in result.stdout.str()


def test_order_and_seed(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(
        faulty=FAULTY,
        seeds="""
            import numpy as np
            import pytest
            from autograd_core.testing import gradcheck

            def sample(rng):
                x = rng.normal(size=1)
                print("sample", x)
                return (x,)

            @gradcheck(sample=sample, order=1)
            def first(x):
                return x**2

            @pytest.mark.gradcheck(order=1)
            @gradcheck(sample=sample)
            def marked(x):
                return x**3
        """,
    )
    result = run("--gradcheck", "faulty,seeds", "--gradcheck-order", "1", "-v")
    result.stdout.fnmatch_lines(["faulty::second?order 1? PASSED*"])
    result = run("--gradcheck", "seeds", "-v", "-s", "--gradcheck-seed", "7")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines_random(["seeds::first?order 1?*", "seeds::marked?order 1?*"])
    drawn = np.random.default_rng(7).normal(size=1)
    assert result.stdout.str().count(f"sample {drawn}") == 2


def test_what_has_no_sample_is_listed(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(
        lacking="""
            import autograd_core as ag
            import nn
            from nn import Linear

            class Layer(nn.Module):
                def forward(self, x):
                    return x

            class Base(nn.Module):  # abstract: there is nothing to check
                pass

            layer = Layer()

            @ag.primitive
            def op(x):
                return x

            @ag.primitive(check=False)
            def straight_through(x):
                return x
        """
    )
    result = run("--gradcheck", "lacking", "-rs")
    result.assert_outcomes(skipped=4)
    text = result.stdout.str()
    assert "no sample: add it to gradcheck_samples = {Layer: lambda rng: (Layer(...), inp" in text
    assert "no sample: add it to gradcheck_samples = {'layer': lambda rng: (inputs...)}" in text
    assert "or declare it with primitive(sample=...)" in text
    result.stdout.fnmatch_lines(["SKIPPED ?1? lacking.py:5: no sample*"])
    rows = table(result)
    assert set(rows) == {f"lacking::{x}" for x in ("Layer", "layer", "op", "straight_through")}
    assert rows["lacking::Layer"][-1] == "skipped: no sample"
    assert rows["lacking::straight_through"][-1] == "skipped: declared with check=False"
    result.stdout.fnmatch_lines(["0 right, 0 wrong, 4 skipped (pytest -rs says why*"])


def test_a_package_is_walked_and_imported_names_belong_elsewhere(
    pytester: pytest.Pytester, run
) -> None:
    pytester.mkpydir("package")
    for name, text in {
        "one": OPS,
        "two": "from package.one import softplus, product, net, Scale",
        "__main__": "raise Exception('a program was run')",
    }.items():
        (pytester.path / "package" / f"{name}.py").write_text(
            "\n".join(line[4:] if line.startswith("    ") else line for line in text.split("\n"))
        )
    result = run("--gradcheck", "package", "--collect-only", "-q")
    lines = [line for line in result.outlines if "::" in line]
    assert len(lines) == 7
    assert all(line.startswith("package.one::") for line in lines)
    verbose = run("--gradcheck", "package", "-k", "net", "-v")
    verbose.stdout.fnmatch_lines(["package.one::net?order 2? PASSED*"])
    run("--gradcheck", "package", "-k", "softplus or net").assert_outcomes(passed=2, deselected=5)
    run("--gradcheck", "package", "-m", "not gradcheck").assert_outcomes(deselected=7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "--gradcheck broken: there is no module 'broken' on the import path; it holds the"),
        ("import no_such_thing", "importing it fails: ModuleNotFoundError: No module named 'no_s"),
        ("def f():\n    return 1 / 0\nf()", "importing it fails: ZeroDivisionError: division"),
        ("x = 1", "nothing to check is defined there: no primitive, no class or instance with"),
        ("gradcheck_samples = {'f': (1.0,)}", "names 'f', which the module does not hold"),
        ("f = abs\ngradcheck_samples = {'f': 1.0}", "is a tuple of arguments, or a function of a"),
        ("gradcheck_samples = 3", "maps classes and functions, or their names, to samples"),
    ],
)
def test_what_cannot_be_collected(
    pytester: pytest.Pytester, run, text: str | None, message: str
) -> None:
    if text is not None:
        pytester.makepyfile(broken=text)
    result = run("--gradcheck", "broken")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert message in " ".join(result.stdout.str().split())
    if text and "1 / 0" in text:
        result.stdout.fnmatch_lines(["*broken.py*line 2, in f*"])
        assert "importlib" not in result.stdout.str()


def test_a_check_that_raises_is_an_error_of_its_own(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(
        raising="""
            import numpy as np
            import nn
            from autograd_core.testing import gradcheck

            @gradcheck(sample=(np.ones(2),))
            def mismatched(x):
                return x + np.ones(3)

            @gradcheck(sample=lambda: 1)
            def bad_sample(x):
                return x

            class Layer(nn.Module):
                def forward(self, x):
                    return x

            gradcheck_samples = {Layer: lambda rng: (rng.normal(size=3),)}
        """
    )
    result = run("--gradcheck", "raising")
    result.assert_outcomes(failed=3)
    text = result.stdout.str()
    assert "the check could not be made: autograd_core.errors.ShapeError: add: shapes (2,)" in text
    assert "raising.py" in text
    assert "_pytest" not in text
    assert "the sample of the class Layer must be (instance, *inputs); it begins with ndarr" in text
    assert "the sample of bad_sample is called with a random generator: too many" in text
    assert table(result)["raising::mismatched"][-1] == "ERROR: ShapeError"
    result.stdout.fnmatch_lines(["0 right, 0 wrong, 3 that could not be checked"])


def test_usage_errors(pytester: pytest.Pytester, run) -> None:
    result = run("--gradcheck", "package/module.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*takes modules as an import names them, package.module, not *"])
    assert run("--gradcheck-order", "3").ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.slow
def test_under_xdist(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(ops=OPS, faulty=FAULTY, test_other="def test_is_not_run(): raise Exception")
    result = pytester.runpytest_subprocess("-p", PLUGIN, "-n", "2", "--gradcheck", "ops,faulty")
    result.assert_outcomes(passed=7, failed=3)
    assert len(table(result)) == 10
    result.stdout.fnmatch_lines(["7 right, 3 wrong"])


def test_with_tests_beside_and_without_other_plugins(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(ops=OPS, test_beside="def test_beside(): pass")
    run("--gradcheck", "ops", "test_beside.py").assert_outcomes(passed=8)
    run("test_beside.py").assert_outcomes(passed=1)
    without = [x for name in ("cacheprovider", "xdist", "skipping") for x in ("-p", f"no:{name}")]
    run(*without, "--gradcheck", "ops").assert_outcomes(passed=7)
    quiet = pytester.runpytest_inprocess("-p", "no:terminal", "-p", PLUGIN, "--gradcheck", "ops")
    assert quiet.ret == 0
    off = pytester.runpytest_inprocess("-p", f"no:{PLUGIN}", "--gradcheck", "ops")
    assert off.ret == pytest.ExitCode.USAGE_ERROR
    off.stderr.fnmatch_lines(["*unrecognized arguments: --gradcheck*"])


def test_the_fixture_and_the_marker(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(
        test_mine="""
            import autograd_core as ag
            import numpy as np
            import pytest
            from hypothesis import Phase, settings
            from autograd_core.testing import arrays, given_tensors

            few = settings(max_examples=5, phases=[Phase.generate], database=None)

            def second(x):  # right at order 1, wrong at order 2
                return ag.stop_gradient(x) * x * 2 - ag.stop_gradient(x * x) + 0.0 * x

            @pytest.mark.gradcheck(order=1)
            def test_order_1(gradcheck):
                report = gradcheck(second, np.array([1.0, 2.0]))
                assert max(report.values()) < 1e-6

            def test_order_2(gradcheck):
                gradcheck(second, np.array([1.0, 2.0]))

            @pytest.mark.gradcheck(order=1)
            @few
            @given_tensors(arrays((2,)))
            def test_property_1(x):
                return second(x)

            @few
            @given_tensors(arrays((2,)))
            def test_property_2(x):
                return second(x)

            @pytest.mark.gradcheck(order=3)
            def test_order_3(gradcheck):
                pass
        """
    )
    result = run("--strict-markers", "-v", "-p", "no:cacheprovider")
    for name, outcome in {
        "order_1": "PASSED", "order_2": "FAILED", "property_1": "PASSED", "property_2": "FAILED",
        "order_3": "FAILED",
    }.items():  # fmt: skip
        result.stdout.fnmatch_lines([f"test_mine.py::test_{name} {outcome}*"])
    result.stdout.fnmatch_lines(["*the marker gradcheck has order 1 or 2, not 3*"])
    rows = table(result)
    assert rows["test_mine.py::test_order_1"][-1] == "ok"
    assert rows["test_mine.py::test_order_2"][-1] == "WRONG"
    assert run("--markers").stdout.str().count("@pytest.mark.gradcheck(order)") == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sample": 1.0}, TypeError, "sample is a tuple of arguments, or a function of a random"),
        ({"sample": (1.0,), "order": 3}, ValueError, "order must be 1 or 2, not 3"),
        ({"sample": (1.0,), "tolerence": 1}, TypeError, "no option of check_gradients: tolerence"),
        ({"sample": (1.0,), "f": 1}, TypeError, "no option of check_gradients: f"),
    ],
)
def test_what_gradcheck_refuses(options, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gradcheck(**options)


def test_the_plugin_is_light() -> None:
    code = """
        import sys
        import autograd_core
        before = set(sys.modules)
        import autograd_core.testing.plugin
        new = {name.split(".")[0] for name in set(sys.modules) - before}
        assert "autograd_core.testing.targets" not in sys.modules
        assert not {"hypothesis", "nn", "optim", "viz", "scipy", "torch", "jax"} & new, new
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_a_proxy_that_fails_when_looked_at_is_passed_over(pytester: pytest.Pytester, run) -> None:
    proxy = """
    class Proxy:  # as of a request that there is none of
        def __getattr__(self, name):
            raise RuntimeError(f"no {name} outside of a request")

    request = Proxy()
    """
    pytester.makepyfile(ops=textwrap.dedent(OPS) + textwrap.dedent(proxy))
    run("--gradcheck", "ops").assert_outcomes(passed=7)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_primitive_with_a_tangent_rule_alone(pytester: pytest.Pytester, run, factor: int) -> None:
    source = f"""
        import autograd_core as ag

        @ag.primitive(sample=lambda rng: (rng.normal(size=4),))
        def squared(x):
            return x**2

        with ag.check_primitives(False):
            @squared.tangent
            def _(t, _out, x):
                return {factor} * x * t
    """
    pytester.makepyfile(ops=source)
    result = run("--gradcheck", "ops")
    right = factor == 2
    result.assert_outcomes(passed=int(right), failed=int(not right))
    assert table(result)["ops::squared"][:3] == ["primitive", "(4,)", "1"]
