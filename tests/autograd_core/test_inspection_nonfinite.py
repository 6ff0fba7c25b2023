"""Inspection finds where an inf or nan came from: each trap planted, and found where it was."""

import inspect as source
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
from autograd_core.inspection import Report


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """NumPy warns of many of these values when they are computed; that is not the subject."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty|Degrees of freedom|invalid value")
        yield


def leaf(value: Any, dtype: Any = float, name: str = "x") -> ag.Tensor:
    return ag.Tensor(np.asarray(value, dtype), requires_grad=True, name=name)


def caught(f: Callable[..., Any], *args: Any) -> Report:
    """The report of what running ``f`` and going back raises."""
    with ag.inspect(), pytest.raises(ag.NonFiniteError) as error:
        f(*args).backward()
    assert all(x.grad is None for x in args), "a gradient was committed"
    assert str(error.value) == str(error.value.report)
    return error.value.report


F32 = np.float32
F16 = np.float16

# name: the function, its arguments, the trap, the op, the index, what the line says
FORWARD: dict[str, tuple[Callable[..., Any], list[Any], str, str, tuple[int, ...]]] = {
    "log 0": (lambda x: np.log(x).sum(), [[1.0, 2.0, 0.0]], "log of 0", "log", (2,)),
    "log -1": (lambda x: np.mean(np.log(x)), [[1.0, -1.0]], "log of a negative", "log", (1,)),
    "log2": (lambda x: np.log2(x).sum(), [[0.0]], "log of 0", "log2", (0,)),
    "log1p": (lambda x: np.log1p(x).sum(), [[-1.0]], "log of 0", "log1p", (0,)),
    "sqrt": (lambda x: np.sqrt(x).sum(), [[[1.0], [-2.0]]], "square root of a neg", "sqrt", (1, 0)),
    "1 / 0": (lambda x, y: (x / y).sum(), [[1.0, 2.0], [3.0, 0.0]], "division by", "divide", (1,)),
    "0 / 0": (lambda x: (x / x).sum(), [[1.0, 0.0]], "0 / 0", "divide", (1,)),
    "reciprocal": (lambda x: np.reciprocal(x).sum(), [[0.0]], "division by 0", "reciprocal", (0,)),
    "0 ** -1": (lambda x: (x**-1.5).sum(), [[0.0, 1.0]], "0 to a negative power", "power", (0,)),
    "(-1) ** .5": (lambda x: (x**0.5).sum(), [[4.0, -1.0]], "fractional power", "power", (1,)),
    "exp": (lambda x: np.exp(x).sum(), [[1.0, 1e3]], "overflow in exp: float64", "exp", (1,)),
    "arccos": (lambda x: np.arccos(x).sum(), [[0.5, 1.5]], "arccos outside [-1,", "arccos", (1,)),
    "arcsin": (lambda x: np.arcsin(x).sum(), [[-2.0]], "arcsin outside [-1, 1]", "arcsin", (0,)),
    "arctanh": (lambda x: np.arctanh(x).sum(), [[1.0]], "at the end of [-1, 1]", "arctanh", (0,)),
    "arccosh": (lambda x: np.arccosh(x).sum(), [[0.5]], "outside (1, inf)", "arccosh", (0,)),
    "square": (lambda x: np.square(x).sum(), [[1e200]], "overflow in square", "square", (0,)),
    "prod": (lambda x: np.prod(x), [[1e200, 1e200]], "overflow in prod", "prod", ()),
    "matmul": (lambda x: (x @ x), [[1e200, 1e200]], "overflow in matmul", "matmul", ()),
    "no elements": (lambda x: x[:0].mean(), [[1.0]], "mean of no elements", "mean", ()),
    "0-d": (lambda x: np.log(x), [0.0], "log of 0", "log", ()),
    "inf - inf": (
        lambda x: (np.exp(x) - np.exp(2 * x)).sum(), [[1.0, 800.0]], "overflow in exp", "exp", (1,)
    ),
    "broadcast": (
        lambda x, y: (x / y).sum(), [[[1.0], [2.0]], [1.0, 0.0, 2.0]], "division by 0", "divide",
        (0, 1),
    ),
    "in std": (
        lambda x: np.std(x, ddof=2), [[1.0, 2.0]], "division by 0", "divide", (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORWARD)
def test_forward_traps(name: str) -> None:
    f, args, trap, op, index = FORWARD[name]
    report = caught(f, *(leaf(x) for x in args))
    assert report.when == "forward"
    assert trap in report.trap
    assert report.op == op
    assert report.index == index
    assert not report.dropped
    assert report.remedy
    # The line is that of the function here, and marks an expression in it.
    assert report.line is not None
    assert report.line.file == __file__
    lines, first = source.getsourcelines(f)
    assert first <= report.line.line <= first + len(lines)
    assert report.line.part in report.line.code
    assert report.path[0].label == "'x'"
    assert report.path[-1].node is report.node


def test_low_precision_overflows() -> None:
    report = caught(lambda x: np.exp(x).sum(), leaf([1.0, 89.0], F32))
    assert "float32 holds it up to 88.72" in report.trap
    report = caught(lambda x: x.sum(), leaf(np.full(100, 1000.0), F16))
    assert "overflow in sum: float16 holds at most 6.55e+04" in report.trap
    assert report.index == ()
    report = caught(lambda x, y: (x * y).sum(), leaf([1.0, 300.0], F16), leaf([1.0, 300.0], F16))
    assert (report.op, report.index) == ("multiply", (1,))
    assert "overflow in multiply: float16" in report.trap
    assert report.at == "multiply(300, 300) = inf"
    report = caught(lambda x: x.astype(F16).sum(), leaf([1.0, 1e5]))
    assert "overflow in astype: float16" in report.trap


def test_ranges_and_numbers() -> None:
    report = caught(lambda x, y: (x / y).sum(), leaf([1.0, 6.0]), leaf([4.0, 0.0], name="y"))
    assert report.at == "divide(6, 0) = inf"
    x, y = report.operands
    assert (x.low, x.high, x.nans, x.infs, x.shape) == (1.0, 6.0, 0, 0, (2,))
    assert (y.low, y.high, y.name) == (0.0, 4.0, "'y'")
    assert "'y', shape (2,), float64, 0 .. 4" in str(report)


BACKWARD: dict[str, tuple[Callable[..., Any], list[Any], str, str, tuple[int, ...]]] = {
    "sqrt": (lambda x: np.sqrt(x).sum(), [[1.0, 0.0]], "infinite slope of sqrt at 0", "sqrt", (1,)),
    "norm": (
        lambda x: np.sqrt((x * x).sum()), [[0.0, 0.0]], "norm at 0", "sqrt", (),
    ),
    "norm, squares": (lambda x: np.sqrt(np.sum(x**2)), [[0.0]], "norm at 0", "sqrt", ()),
    "a root of what is no square": (
        lambda x: np.sqrt(np.sum(x * 3.0)), [[0.0]], "infinite slope of sqrt at 0", "sqrt", ()
    ),
    "power, along the exponent": (
        lambda x: (x ** (x + 3.0)).sum(), [[2.0, -1.0]], "tracked exponent at a negative x",
        "power", (1,),
    ),
    "exploding matmul": (
        lambda x: (x @ np.eye(1) @ np.full((1, 1), 1e200) @ np.full((1, 1), 1e200)).sum(),
        [[[1e-300]]], "overflow in the gradient of matmul: float64", "matmul", (0, 0),
    ),
    "cbrt": (lambda x: np.cbrt(x).sum(), [[8.0, 0.0]], "infinite slope of cbrt", "cbrt", (1,)),
    "power": (lambda x: (x**0.5).sum(), [[0.0, 4.0]], "infinite slope of x ** 0.5", "power", (0,)),
    "arccos": (lambda x: np.arccos(x).sum(), [[0.0, 1.0]], "slope of arccos at 1", "arccos", (1,)),
    "arcsin": (lambda x: np.arcsin(x).sum(), [[-1.0]], "slope of arcsin at -1", "arcsin", (0,)),
    "1 / y": (
        lambda x: (1.0 / x).sum(), [[1.0, 1e-200]], "the slope of divide overflows", "divide",
        (1,),
    ),
    "exploding": (
        lambda x: (x * 1e200 * 1e200).sum(), [[1e-300]],
        "overflow in the gradient of multiply", "multiply", (0,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BACKWARD)
def test_backward_traps(name: str) -> None:
    f, args, trap, op, index = BACKWARD[name]
    report = caught(f, *(leaf(x) for x in args))
    assert report.when == "backward"
    assert trap in report.trap
    assert report.op == op
    assert report.index == index
    assert report.line is not None
    assert report.line.file == __file__
    assert report.onward[-1].label == "'x'"


def test_a_broadcast_operand_names_an_element_of_the_output() -> None:
    """The gradient at 0 of a row that was broadcast is a sum; one term of it overflows."""
    report = caught(
        lambda x, y: np.sum(x / y), leaf([[1.0], [1e200]]), leaf([1.0, 1e-80], name="y")
    )
    assert report.when == "backward"
    assert report.index == (1,)
    assert "divide(1e+200, 1e-80)" in report.at


def test_a_sum_of_gradients() -> None:
    report = caught(lambda x: (x * 1e308 + x * 1e308).sum() * 0.9, leaf([0.0]))
    assert "overflow in the sum of gradients: float64" in report.trap
    assert "multiply and multiply" in report.at


def test_a_seed() -> None:
    x = leaf([1.0, 2.0])
    with ag.inspect(), pytest.raises(ag.NonFiniteError, match="start from") as error:
        (x * 2.0).backward(np.array([1.0, np.nan]))
    assert error.value.report.index == (1,)
    assert x.grad is None


def test_what_came_in() -> None:
    data = np.array([1.0, np.nan])
    report = caught(lambda x: (x * data).sum(), leaf([1.0, 2.0]))
    assert report.trap == "nan in operand 1"
    assert report.op == "multiply"
    assert report.index == (1,)
    report = caught(lambda x: (x * 2.0).sum(), leaf([1.0, np.inf], name="w"))
    assert report.trap == "inf in the input 'w'"
    assert report.index == (1,)
    assert report.node.name == "w"


def test_an_infinite_mask_is_not_blamed_but_what_it_makes() -> None:
    """The classic: a row of scores that is masked out whole."""
    mask = np.array([[0.0, -np.inf], [-np.inf, -np.inf]])

    def attention(x: Any) -> Any:
        scores = x + mask
        e = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        return (e / np.sum(e, axis=1, keepdims=True)).sum()

    report = caught(attention, leaf(np.ones((2, 2))))
    assert report.trap == "inf - inf"
    assert (report.op, report.index) == ("subtract", (1, 0))
    assert report.line is not None
    assert "np.exp(scores" in report.line.code
    assert "finite element in each row" in report.remedy


def test_an_infinite_bound_is_not_blamed() -> None:
    report = caught(lambda x: np.clip(np.log(x), None, 1.0).sum(), leaf([1.0, 0.0]))
    assert (report.op, report.index, report.trap) == ("log", (1,), "log of 0")


def test_zero_times_infinity() -> None:
    report = caught(lambda x: (x * np.array([1.0, np.inf])).sum(), leaf([1.0, 0.0]))
    assert report.trap == "0 * inf"
    assert "np.where" in report.remedy


def test_a_parameter_that_a_step_spoilt() -> None:
    """A leaf is reported with the value that was read, not the first that it had."""
    w = leaf([1.0, 2.0], name="w")
    with ag.inspect() as seen:
        (w * w).sum().backward()
        w.data = np.array([1.0, np.inf])
        w.grad = None
        with pytest.raises(ag.NonFiniteError) as error:
            (w * 3.0).sum().backward()
        assert seen.value(w).tolist() == [1.0, np.inf]
        w.data = np.array([5.0, 6.0])
        assert (w * 3.0).sum().item() == 33.0
    report = error.value.report
    assert report.trap == "inf in the input 'w'"
    assert (report.index, report.at) == ((1,), "'w' holds inf")
    # It is the number of then also where the value of now is another.
    with ag.inspect("record") as seen:
        w.data = np.array([np.nan, 1.0])
        y = (w * 3.0).sum()
        w.data = np.array([1.0, 1.0])
        (w * 2.0).sum().backward()
        y.backward()
    assert [report.at for report in seen.reports] == ["'w' holds nan"]


def test_only_what_has_weight_is_asked() -> None:
    x = leaf([0.0, 1.0])
    with ag.inspect():
        y = np.log(x)
        y.backward(np.array([0.0, 1.0]), retain_graph=True)
        assert x.grad.tolist() == [0.0, 1.0]
        with pytest.raises(ag.NonFiniteError) as error:
            y.backward(np.array([1.0, 0.0]))
    assert error.value.report.index == (0,)


def test_names_that_would_mislead() -> None:
    """An overflow is named where finite numbers can give no infinite one but by their size."""
    report = caught(lambda x: np.abs(np.log(x)).sum(), leaf([0j, 1j], complex))
    assert report.trap == "log of 0"
    report = caught(lambda x: np.abs(x**-1.5).sum(), leaf([1j, 0j], complex))
    assert report.trap == "0 to a negative power"
    report = caught(lambda x: np.linalg.slogdet(x)[1], leaf(np.zeros((2, 2))))
    assert report.trap == "slogdet gives inf"
    report = caught(lambda x: x.sum(), leaf([1e308, 1e308]))
    assert "float64" not in report.remedy
    report = caught(lambda x: x.sum(), leaf([3e38, 3e38], np.float32))
    assert "compute in float64" in report.remedy

    @ag.primitive
    def inverse(x: Any) -> Any:
        return 1.0 / x

    @inverse.rule
    def _(g: Any, out: Any, _x: Any) -> Any:
        return -g * out * out

    report = caught(lambda x: inverse(x).sum(), leaf([0.0, 1.0]))
    assert report.trap == "inverse gives inf"

    mask = np.array([[False, False], [True, False]])
    report = caught(
        lambda x: ag.logsumexp(np.where(mask, x, -np.inf), axis=1).sum(), leaf(np.ones((2, 2)))
    )
    assert "leave one finite element in each row" in report.remedy


def test_what_came_in_is_first() -> None:
    """A nan that meets an operand at which the op has no finite value is followed all the same."""
    report = caught(lambda x, y: (x ** np.sqrt(y)).sum(), leaf([-3.0]), leaf([-1.0], name="y"))
    assert report.trap == "square root of a negative number"
    report = caught(lambda x, y: (np.log(x) / y).sum(), leaf([-3.0]), leaf([0.0], name="y"))
    assert report.trap == "log of a negative number"


def test_a_graph_from_outside_the_block() -> None:
    """What is not known of it is not made up."""
    x = leaf([0.0, 1.0])
    y = np.sqrt(x).sum()
    with ag.inspect(), pytest.raises(ag.NonFiniteError) as error:
        y.backward()
    assert error.value.report.trap == "the derivative of sqrt is not finite"
    assert "compute inside the block" in error.value.report.remedy


class TestDropped:
    """What a `where` or an index drops never raises, and is never blamed for something else."""

    def test_where(self) -> None:
        x = leaf([0.0, 2.0])
        with ag.inspect() as seen:
            np.where(x > 0, np.log(x), 0.0).sum().backward()
        np.testing.assert_array_equal(x.grad, [0.0, 0.5])
        report = seen.first_nonfinite()
        assert report is not None
        assert report.dropped
        assert (report.trap, report.index) == ("log of 0", (0,))
        assert "where-trap" in str(report)
        assert "dropped later" in str(seen)

    def test_index_and_maximum(self) -> None:
        x = leaf([0.0, 2.0, 3.0])
        with ag.inspect() as seen:
            (np.log(x)[1:].sum() + np.maximum(np.log(x), 0.5).sum()).backward()
        assert np.isfinite(x.grad).all()
        assert not seen.reports

    def test_another_is_blamed(self) -> None:
        """Two bad elements, of which the earlier is dropped: an order of time would blame it."""

        def f(x: Any) -> Any:
            safe = np.where(x > 0, np.log(x), 0.0)
            return np.sum(safe) + np.sum(np.sqrt(x[1:] - 5.0))

        report = caught(f, leaf([0.0, 6.0, 3.0]))
        assert (report.op, report.index) == ("sqrt", (1,))

    def test_among_elements_of_one_array(self) -> None:
        """Both bad elements are of one box: the index that reaches the result is reported."""
        report = caught(lambda x: np.log(x)[2:].sum(), leaf([0.0, 1.0, 1.0, 0.0]))
        assert (report.op, report.index) == ("log", (3,))
        report = caught(
            lambda x: np.where(np.arange(4) > 1, np.log(x), 1.0).sum(), leaf([0.0, 1.0, 1.0, 0.0])
        )
        assert (report.op, report.index) == ("log", (3,))

    def test_what_was_bad_before_elsewhere(self) -> None:
        """An input holds a nan that an index drops; the log of another element is to blame."""
        report = caught(lambda x: np.log(x)[1:].sum(), leaf([np.nan, 0.0, 1.0]))
        assert (report.op, report.index, report.trap) == ("log", (1,), "log of 0")

    def test_backward(self) -> None:
        """A bad gradient of an earlier box that an index drops is not blamed."""
        report = caught(lambda x: np.sqrt(x)[1:].sum(), leaf([0.0, 4.0, 0.0]))
        assert (report.op, report.index) == ("sqrt", (2,))


@pytest.mark.parametrize("n", [1, 2, 3, 1000])
def test_one_among_many_is_found(n: int) -> None:
    """Of n bad elements, a sum depends on one."""
    rng = np.random.default_rng(n)
    values = np.zeros(n)
    place = int(rng.integers(n))
    report = caught(lambda x: np.log(x)[place : place + 1].sum(), leaf(values))
    assert report.index == (place,)


def test_fortran_order() -> None:
    values = np.asfortranarray(np.ones((3, 4)))
    values[1, 2] = 0.0
    report = caught(lambda x: np.log(x).sum(), leaf(values))
    assert report.index == (1, 2)
    report = caught(lambda x: np.linalg.inv(np.log(x[:2, :2].T)).sum(), leaf(values - 1.0))
    assert report.op == "log"


def test_several_outputs() -> None:
    def f(x: Any) -> Any:
        first, second = np.split(x / (x - 2.0), 2)
        return np.sum(first) + np.prod(second)

    report = caught(f, leaf([1.0, 3.0, 2.0, 5.0]))
    assert (report.op, report.index, report.trap) == ("divide", (2,), "division by 0")
    report = caught(lambda x: np.linalg.slogdet(x)[1], leaf(np.zeros((2, 2))))
    assert report.op == "slogdet"

    def g(x: Any) -> Any:
        first, second = np.split(x * 1.0, 2)
        return np.sum(np.sqrt(second)) + np.sum(first)

    report = caught(g, leaf([1.0, 4.0, 1.0, 0.0]))
    assert (report.when, report.op, report.index) == ("backward", "sqrt", (1,))
    assert [step.label for step in report.onward] == ["split", "multiply", "'x'"]
    report = caught(lambda x: np.stack(np.modf(np.sqrt(x))).sum(), leaf([1.0, 0.0]))
    assert report.when == "backward"
    assert (report.op, report.index) == ("sqrt", (1,))


def test_complex() -> None:
    x = leaf([1.0 + 1.0j, 0.0], complex)
    report = caught(lambda z: np.abs(np.log(z)).sum(), x)
    assert (report.op, report.index) == ("log", (1,))
    report = caught(lambda z: np.real(np.sqrt(z)).sum(), leaf([1j, 0.0], complex))
    assert (report.when, report.op, report.index) == ("backward", "sqrt", (1,))


def test_in_place() -> None:
    def f(x: Any) -> Any:
        y = ag.zeros(3)
        for i in range(3):
            y[i] = np.log(x[i])
        return y.sum()

    report = caught(f, leaf([1.0, 0.0, 2.0]))
    assert report.op == "log"
    assert report.line is not None
    assert report.line.code == "y[i] = np.log(x[i])"


def test_in_a_composition() -> None:
    report = caught(lambda x: np.std(x / x[0]), leaf([0.0, 1.0]))
    assert report.op == "divide"
    assert report.inside == ()
    report = caught(lambda x: np.std(x, ddof=2), leaf([1.0, 2.0]))
    assert "std" in report.inside
    assert "in std" in str(report)


def test_order_two() -> None:
    """The second derivative of x ** 1.5 at 0 is infinite, the first is not."""
    x = leaf([0.0, 1.0])
    with ag.inspect() as seen:
        (first,) = ag.gradients((x**1.5).sum(), [x], create_graph=True)
        with pytest.raises(ag.NonFiniteError) as error:
            first.sum().backward()
    report = error.value.report
    assert report.index == (0,)
    assert report.line is not None
    assert "x**1.5" in report.line.code  # the line of the op whose rule it was
    assert any("gradient of power" in name for name in report.inside)
    assert x.grad is None
    assert len(seen.walks) == 2


def test_transforms() -> None:
    def f(x: Any) -> Any:
        return np.sqrt(x).sum()

    with ag.inspect():
        assert np.isfinite(ag.grad(f)(np.array([1.0, 4.0]))).all()
        with pytest.raises(ag.NonFiniteError) as error:
            ag.grad(f)(np.array([1.0, 0.0]))
        assert error.value.report.index == (1,)
        with pytest.raises(ag.NonFiniteError, match="log of 0"), ag.no_grad():
            ag.grad(lambda x: np.log(x).sum())(np.array([0.0]))
        with pytest.raises(ag.NonFiniteError) as error:
            ag.grad(lambda x: ag.grad(lambda y: y**1.5)(x) * 2.0)(0.0)
        assert "power" in str(error.value)


class TestOtherTransforms:
    """Each raises what went wrong where the user wrote it."""

    POINT = np.array([1.0, 0.0])

    @pytest.mark.parametrize(
        "run",
        [
            lambda f, x: ag.vjp(f, x)[1](np.ones(2)),
            lambda f, x: ag.jacobian(f)(x),
            lambda f, x: ag.jacobian(f, mode="forward")(x),
            lambda f, x: ag.linearize(f, x)[1](np.ones(2)),
            lambda f, x: ag.elementwise_grad(f)(x),
            lambda f, x: ag.vmap(ag.grad(f))(x),
            lambda f, x: ag.hessian(lambda y: np.sum(f(y)))(x),
            lambda f, x: ag.value_and_grad(lambda y: np.sum(f(y)))(x),
            lambda f, x: ag.gradients(np.sum(f(t := leaf(x))), t),
        ],
        ids=[
            "vjp", "jacobian", "jacobian, forward", "linearize", "elementwise_grad", "vmap",
            "hessian", "value_and_grad", "gradients",
        ],
    )  # fmt: skip
    def test_slopes(self, run: Callable[..., Any]) -> None:
        def f(x: Any) -> Any:
            return np.sqrt(x) * 3.0

        with ag.inspect(), pytest.raises(ag.NonFiniteError) as error:
            run(f, self.POINT)
        report = error.value.report
        assert "infinite slope of sqrt at 0" in report.trap
        assert report.line is not None
        assert report.line.part == "np.sqrt(x)"
        with ag.inspect():  # where the point is another there is nothing to say
            run(f, self.POINT + 1.0)

    def test_checkpoint(self) -> None:
        """What is computed again on the way back is looked into like the rest."""

        @ag.checkpoint
        def block(x: Any) -> Any:
            return np.sqrt(x) * 3.0

        x = leaf(self.POINT)
        with ag.inspect() as seen:
            y = block(x * x)
            with pytest.raises(ag.NonFiniteError) as error:
                y.sum().backward()
        report = error.value.report
        assert (report.op, report.index) == ("sqrt", (1,))
        assert report.line is not None
        assert report.line.function == "block"
        assert x.grad is None
        assert len(seen.walks) == 2  # the one inside the other
        assert [step.label for step in report.path][-1] == "sqrt"
        assert [step.label for step in report.onward][-2:] == ["multiply", "'x'"]

        @ag.checkpoint
        def logs(x: Any) -> Any:
            return x * 2.0, np.log(x - 1.0)

        with ag.inspect(), pytest.raises(ag.NonFiniteError) as error:
            logs(x + 1.0)[1].sum().backward()
        report = error.value.report
        assert (report.trap, report.index) == ("log of 0", (1,))
        assert report.line is not None
        assert report.line.part == "np.log(x - 1.0)"
        assert [step.label for step in report.path] == ["'x'", "add", "subtract", "log"]
        assert [step.label for step in report.onward] == ["checkpoint", "sum"]
        with ag.inspect(), pytest.raises(ag.NonFiniteError) as error:
            sum(logs(x * np.array([np.nan, 2.0]))).sum().backward()
        assert error.value.report.trap == "nan in operand 1"
        assert error.value.report.op == "multiply"
        with ag.inspect() as seen:
            block(np.where(x > 0, x, 0.0)).sum().backward()  # what is bad is dropped on the way
            x.grad = None
            np.where(x > 0, block(np.where(x > 0, x, 1.0)), x).sum().backward()
        assert x.grad.tolist() == [1.5, 1.0]

    def test_primitives_are_tried_out_unseen(self) -> None:
        @ag.primitive
        def half(x: Any) -> Any:
            return x * 0.5

        @half.rule
        def _(g: Any, _out: Any, _x: Any) -> Any:
            return g * 0.5

        with ag.inspect() as seen:
            half(leaf(self.POINT)).sum().backward()
        assert [node.op.name for node in seen.nodes] == ["half", "sum"]
        assert len(seen.walks) == 1


def test_a_tracked_argument_is_seen_through() -> None:
    """A transform gives an argument a name of its own; the input is behind it."""
    w = leaf(np.nan, name="w")
    with ag.inspect(), pytest.raises(ag.NonFiniteError) as error:
        ag.grad(lambda x: x * x)(w)
    assert error.value.report.trap == "nan in the input 'w'"


def test_forward_mode_looks_at_every_result() -> None:
    def f(x: Any) -> Any:
        y = np.log(x)
        return y, np.where(x > 0, y, 0.0)  # the one drops what the other returns

    with ag.inspect(), pytest.raises(ag.NonFiniteError) as error:
        ag.jvp(f, (np.array([0.0, 1.0]),), (np.ones(2),))
    assert error.value.report.trap == "log of 0"


def test_forward_mode() -> None:
    with ag.inspect():
        with pytest.raises(ag.NonFiniteError) as error:
            ag.jvp(lambda x: np.sqrt(x).sum(), (np.array([1.0, 0.0]),), (np.array([1.0, 1.0]),))
        report = error.value.report
        assert (report.when, report.op, report.index) == ("tangent", "sqrt", (1,))
        assert "infinite slope" in report.trap
        # A zero tangent stays zero.
        ag.jvp(lambda x: np.sqrt(x).sum(), (np.array([1.0, 0.0]),), (np.array([1.0, 0.0]),))
        with pytest.raises(ag.NonFiniteError, match="log of 0"):
            ag.jvp(lambda x: np.log(x).sum(), (np.array([0.0]),), (np.array([1.0]),))
        with pytest.raises(ag.NonFiniteError, match="tangent given"):
            ag.jvp(lambda x: x * 2.0, (1.0,), (np.nan,))


class TestWays:
    def test_warn(self) -> None:
        x = leaf([0.0])
        with ag.inspect("warn") as seen, pytest.warns(RuntimeWarning, match="log of 0") as found:
            np.log(x).sum().backward()
        assert [w.filename for w in found] == [__file__]
        assert len(seen.reports) == 1
        assert x.grad.tolist() == [np.inf]

    def test_record(self) -> None:
        x = leaf([0.0, 1.0])
        with ag.inspect(nonfinite="record") as seen, warnings.catch_warnings():
            warnings.simplefilter("error")
            np.sqrt(x).sum().backward()
        assert x.grad.tolist() == [np.inf, 0.5]
        report = seen.first_nonfinite()
        assert report is seen.reports[0]
        assert report.op == "sqrt"

    def test_nothing_is_raised_at_the_end(self) -> None:
        with ag.inspect() as seen:
            y = np.log(leaf([0.0]))
        report = seen.first_nonfinite()
        assert report is not None
        assert report.trap == "log of 0"
        assert not report.dropped
        assert not seen.reports
        assert seen.value(y)[0] == -np.inf

    def test_none(self) -> None:
        with ag.inspect() as seen:
            (leaf([1.0]) * 2.0).sum().backward()
        assert seen.first_nonfinite() is None

    def test_an_unknown_way(self) -> None:
        with (
            pytest.raises(ValueError, match="raise, warn, record, ignore, not 'stop'"),
            ag.inspect("stop"),
        ):
            pass

    def test_after_the_block_nothing_is_watched(self) -> None:
        with ag.inspect():
            x = leaf([0.0])
        np.log(x).sum().backward()
        assert x.grad.tolist() == [np.inf]


def test_the_report_reads_well() -> None:
    w = leaf([3.0, 1.0], name="w")

    def loss(p: Any) -> Any:
        return -np.mean(np.log(1.0 - p))

    with ag.inspect():
        a = w * 100.0
        value = loss(1.0 / (1.0 + np.exp(-a)))
        with pytest.raises(ag.NonFiniteError) as error:
            value.backward()
    text = str(error.value).splitlines()
    assert text[0] == "log of 0 (forward in log)"
    assert text[2].endswith(", in loss")
    assert text[3].strip() == "return -np.mean(np.log(1.0 - p))"
    assert text[4].index("^") == text[3].index("np.log")
    assert text[4].count("^") == len("np.log(1.0 - p)")
    assert text[5] == "  at [0]: log(0) = -inf"
    assert text[6].startswith("  operand 0: subtract, shape (2,), float64, 0, from ")
    assert text[7].startswith("  computed from: 'w' -> multiply (")
    assert text[8].startswith("  and then: mean -> negative (")
    assert text[9].startswith("  Remedy: keep the argument away from 0")
