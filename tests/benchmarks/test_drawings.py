"""The benchmark of drawings: the same models, drawn whole, and what the page shows of them."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import drawing_models, drawings, race
from benchmarks.contest import Contestant
from benchmarks.drawing_models import MODELS
from scripts import draw_anchors

OURS = [tool for tool in drawings.TOOLS if tool.startswith("ours")]
THEIRS = [tool for tool in drawings.TOOLS if not tool.startswith("ours")]
PARAMETERS = {"mlp": 6, "autoencoder": 3, "rnn": 5, "residual": 4 + 4 * drawing_models.BLOCKS}


def can(tool: str) -> None:
    """Skip where a tool is not installed."""
    contestant = next(c for c in drawings.DRAW.contestants if c.name.endswith(f": {tool}"))
    if absent := race.missing(contestant):
        pytest.skip(f"{', '.join(absent)} not installed")


@pytest.mark.parametrize("key", MODELS)
def test_the_models_are_what_they_are_called(key: str) -> None:
    module, arrays = MODELS[key].build()
    assert len(module.parameters()) == PARAMETERS[key]
    assert all(parameter.dtype == np.float32 for parameter in module.parameters())
    again = MODELS[key].build()
    assert module(*arrays).item() == again[0](*again[1]).item()


def test_the_recurrent_net_is_the_formula() -> None:
    module, (x, target) = MODELS["rnn"].build()
    w = {name: parameter.data.astype(float) for name, parameter in module.named_parameters()}
    h = np.zeros((drawing_models.BATCH, drawing_models.HIDDEN))
    assert len(x) == 25
    for step in x:
        inputs = step @ w["network.cell.inputs.weight"] + w["network.cell.inputs.bias"]
        h = np.tanh(inputs + h @ w["network.cell.hidden.weight"])
    a = h @ w["network.output.weight"] + w["network.output.bias"]
    log = a - np.log(np.exp(a).sum(1, keepdims=True))
    assert module(x, target).item() == pytest.approx(-log[range(len(a)), target].mean(), rel=1e-5)


@pytest.mark.parametrize("key", MODELS)
def test_the_twin_computes_the_same_and_has_the_same_gradients(key: str) -> None:
    pytest.importorskip("torch")
    module, arrays = MODELS[key].build()
    twin, tensors = drawing_models.in_torch(key)
    loss, theirs = module(*arrays), twin(*tensors)
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-5)
    loss.backward()
    theirs.backward()
    for ours, other in zip(module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(ours.grad, other.grad.numpy().T, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("key", MODELS)
@pytest.mark.parametrize("tool", OURS)
def test_ours_draws_it(tool: str, key: str) -> None:
    can(tool)
    graph, text = drawings.draw(tool, key)
    assert text.startswith("<!DOCTYPE html>" if tool == "ours, page" else "<svg")
    sizes = drawings.size(graph, text)
    assert sizes["bytes"] == len(text.encode())
    assert sizes["edges"] >= sizes["boxes"] - 1  # no box on its own
    folded = key in drawings.FOLDED and tool in ("ours", "ours, dot")
    # Of each parameter there is a box, and one of each operation, unless what repeats is folded.
    assert (sizes["boxes"] > PARAMETERS[key]) != (folded and key == "residual")
    if text.startswith("<svg"):
        assert f": {sizes['boxes']} boxes" in text
    assert (sizes["boxes"] < len(graph.vertices)) == folded
    assert text == drawings.draw(tool, key)[1]


@pytest.mark.filterwarnings("ignore:distutils Version classes are deprecated")
@pytest.mark.parametrize("key", MODELS)
@pytest.mark.parametrize("tool", THEIRS)
def test_theirs_draw_it(tool: str, key: str) -> None:
    can(tool)
    graph, text = drawings.draw(tool, key)
    sizes = drawings.size(graph, text)
    assert (sizes["boxes"], sizes["edges"]) == (
        len(re.findall(r'<g id="node\d+"', text)),
        len(re.findall(r'<g id="edge\d+"', text)),
    )
    if tool == "torchviz":
        assert text.count('fill="lightblue"') == PARAMETERS[key]
    assert text == drawings.draw(tool, key)[1]


def test_a_job_draws_what_it_has_run() -> None:
    job = drawings.build("ours", "mlp")
    for stage in job.stages.values():
        stage()
    assert job.check is not None
    assert job.facts is not None
    module, arrays = MODELS["mlp"].build()
    assert list(job.check()) == [module(*arrays).item()]
    drawn = drawings.size(*drawings.draw("ours", "mlp"))
    facts = job.facts()
    assert (facts["boxes"], facts["edges"]) == (drawn["boxes"], drawn["edges"])
    assert facts["bytes"] > drawn["bytes"]  # the times are in it too


def test_a_program_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    contestant = Contestant("x", SimpleNamespace, needs=("nowhere",), programs=("nothing", "x"))
    monkeypatch.setattr(race.shutil, "which", lambda name: "x" if name == "x" else None)
    assert race.missing(contestant) == ["nowhere", "nothing"]


# --- the page -----------------------------------------------------------------------------------


@pytest.fixture
def page() -> str:
    return draw_anchors.PAGE.read_text(encoding="utf-8")


def test_the_page_has_every_picture_that_it_shows_and_no_other(page: str) -> None:
    shown = set(re.findall(r"images/drawings/([\w.-]+)", page))
    assert shown
    assert shown == {path.name for path in draw_anchors.IMAGES.iterdir()}


def test_the_pictures_stay_small_and_tell_no_paths() -> None:
    files = list(draw_anchors.IMAGES.iterdir())
    assert sum(path.stat().st_size for path in files) < 2_500_000
    for path in files:
        if path.suffix == ".png":
            assert path.stat().st_size <= draw_anchors.BYTES
        else:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"/(home|work|tmp|root|usr)/", text), path.name
            assert not re.search(r"<title>\d{9,}", text), path.name


def test_what_lies_between_the_marks_is_put_anew() -> None:
    start, end = (mark.format("times") for mark in draw_anchors.MARKS)
    before = f"a\n\n{start}\nold\n{end}\n\nb"
    assert draw_anchors.put("times", "new", before) == f"a\n\n{start}\n\nnew\n\n{end}\n\nb"
