"""The captions of the backward pass are true for every op of the table, as drawings have them."""

import contextlib
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import autograd_core as ag
import viz
from tests.autograd_core.samples import DIFFERENTIABLE, TABLE, strategy
from viz.recording import steps

_NAMES: dict[str, Any] = {"sigmoid": lambda x: 1 / (1 + np.exp(-x)), "softmax": ag.softmax}
for module in (np.fft, np.linalg, np):
    _NAMES |= {name: getattr(module, name) for name in dir(module) if name[0] != "_"}
with contextlib.suppress(ImportError):
    import scipy.special as sp

    _NAMES = {n: getattr(sp, n) for n in dir(sp) if n[0] != "_"} | _NAMES


def compute(text: str, names: dict[str, Any]) -> Any:
    text = text.replace("ᵀ", ".mT").replace(", keepdims)", ", keepdims=True)")
    return eval(text.removesuffix(" where g ≠ 0, else 0"), {**_NAMES, **names})


def check(function: Any, arrays: tuple[np.ndarray, ...], monkeypatch: pytest.MonkeyPatch) -> int:
    """Draw a call with random weights, and compute each formula; how many there were."""
    told: list[tuple[Any, int, list[str], str, str]] = []

    def listen(node: Any, i: int, operands: Any, shapes: Any, out: str, guarded: bool) -> str:
        text = write(node, i, operands, shapes, out, guarded)
        told.append((node, i, list(operands), out, text))
        return text

    write = steps.captions.gradient
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"), viz.record() as r:
        made = function(*(ag.Tensor(x, requires_grad=True) for x in arrays))
        outputs = made if isinstance(made, list | tuple) else [made]
        tracked = [y for y in outputs if isinstance(y, ag.Tensor) and y.requires_grad]
        total = sum((ag.real(y) * rng.normal(size=y.shape)).sum() for y in tracked)
        if not isinstance(total, ag.Tensor):
            return 0
        total.backward()
    with monkeypatch.context() as patch:
        patch.setattr(steps.captions, "gradient", listen)
        drawing = r.flow_graph(engine="builtin")
    assert all(edge.source < edge.target for edge in drawing.edges)
    seen, (walk, *_) = r.inspection, r.inspection.walks
    sent = {(edge.node, edge.operand): edge.contribution for edge in walk.sent}
    found = 0
    for node, i, operands, out, text in told:
        if not text or " at [" in text or ", to shape" in text or "one_hot" in text:
            continue
        values = zip(operands, seen.operands[node], strict=True)
        names = {name: np.asarray(x) for name, x in values if name.isidentifier()}
        with np.errstate(all="ignore"):
            got = compute(text, {**names, out: seen.find(node), "g": walk.gradients[node]})
        wanted = sent[node, i]
        if text != "0":
            assert np.shape(got) == wanted.shape, text
        # Constants are written with four digits.
        np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=1e-6, err_msg=text)
        found += 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DIFFERENTIABLE))
def test_the_formulas_of_captions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @settings(max_examples=3, deadline=None, database=None, phases=[Phase.generate])
    @given(data=st.data())
    def run(data: Any) -> None:
        case = data.draw(strategy(name))
        check(lambda *xs: case.value(TABLE[name].function, *xs), case.arrays, monkeypatch)

    run()


def test_a_wrong_caption_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([0.5, 2.0])
    assert check(np.tanh, (x,), monkeypatch) >= 2
    right = steps.captions.gradient
    monkeypatch.setattr(
        steps.captions, "gradient", lambda *args: re.sub("1 - ", "1 + ", right(*args))
    )
    with pytest.raises(AssertionError, match=r"1 \+ v1"):
        check(np.tanh, (x,), monkeypatch)
