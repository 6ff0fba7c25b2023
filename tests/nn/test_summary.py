"""A summary tells shapes and counts, and leaves the model and the generators as they are."""

import threading
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn


class Restless(nn.Module):
    """Changes its buffer, its mode and two generators whenever it is called."""

    def __init__(self) -> None:
        self.seen = nn.Buffer(np.zeros(2))
        self.rng = np.random.default_rng(3)
        self.weight = nn.Parameter(np.ones(2))

    def forward(self, x: Any) -> Any:
        self.seen._swap(self.seen.data + 1.0)
        self.rng.random()
        ag.random_generator().random()
        self.training = True
        return x * self.weight


class Tied(nn.Module):
    """Decodes with the weight of its encoder."""

    def __init__(self) -> None:
        self.encoder = nn.Linear(4, 3)
        self.decoder = nn.Linear(3, 4)
        self.decoder.weight = self.encoder.weight
        self.unused = nn.Tanh()

    def forward(self, x: Any) -> Any:
        h = self.encoder(x)
        return h, h @ self.encoder.weight.T


def test_rows_are_data() -> None:
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2, bias=False))
    net[2].freeze()
    summary = net.summary((4,))
    assert [(r.path, r.kind, r.shape, r.parameters, r.trainable) for r in summary.rows] == [
        ("", "Sequential", (None, 2), 0, 0),
        ("layers.0", "Linear", (None, 3), 4 * 3 + 3, 4 * 3 + 3),
        ("layers.1", "Tanh", (None, 3), 0, 0),
        ("layers.2", "Linear", (None, 2), 3 * 2, 0),
    ]
    assert (summary.parameters, summary.trainable, summary.buffers) == (21, 15, 0)
    assert summary.input_shape == (None, 4)


def test_the_table_lines_up() -> None:
    net = nn.Sequential(nn.Linear(64, 1000), nn.Linear(1000, 2))
    assert str(net.summary(64)).splitlines() == [
        "Sequential on inputs of shape (n, 64)",
        "path      kind        output shape  parameters  trainable",
        "          Sequential  (n, 2)                 0          0",
        "layers.0  Linear      (n, 1000)         65,000     65,000",
        "layers.1  Linear      (n, 2)             2,002      2,002",
        "total                                   67,002     67,002",
    ]
    assert repr(net.summary(64)) == str(net.summary(64))


def test_shared_parameters_count_once_and_are_marked() -> None:
    model = Tied()
    summary = model.summary((4,))
    encoder, decoder, unused = summary.rows[1:]
    assert (encoder.parameters, encoder.shared) == (15, 0)
    assert (decoder.parameters, decoder.shared) == (16, 12)
    assert summary.parameters == sum(p.size for p in model.parameters()) == 19
    assert summary.rows[0].shape == [(None, 3), (None, 4)]
    assert (decoder.shape, unused.shape) == (None, None)
    text = str(summary)
    assert "(n, 3), (n, 4)" in text
    assert "not called" in text
    assert "16*" in text
    assert "* shared with a row above" in text


def test_a_module_called_twice_has_one_row() -> None:
    layer = nn.Linear(2, 2)
    assert [r.path for r in nn.Sequential(layer, layer).summary(2).rows] == ["", "layers.0"]


@pytest.mark.parametrize("training", [True, False])
def test_nothing_is_changed(training: bool) -> None:
    model = nn.Sequential(Restless(), nn.Linear(2, 1)).train(training)
    before, values = model.state_dict(), [t.data for t in model.parameters() + model.buffers()]
    own = str(model[0].rng.bit_generator.state)
    context = str(ag.random_generator().bit_generator.state)
    held = [set(vars(m)) for m in model.modules()]
    model.summary((2,))
    for name, value in model.state_dict().items():
        assert np.array_equal(value, before[name])
    after = [t.data for t in model.parameters() + model.buffers()]
    assert all(a is b for a, b in zip(values, after, strict=True))
    assert [m.training for m in model.modules()] == [training] * 3
    assert str(model[0].rng.bit_generator.state) == own
    assert str(ag.random_generator().bit_generator.state) == context
    assert [set(vars(m)) for m in model.modules()] == held


def test_buffers_are_told_apart() -> None:
    summary = nn.Sequential(Restless()).summary((2,))
    assert (summary.parameters, summary.buffers) == (2, 2)
    assert str(summary).endswith("besides 2 numbers in buffers, which are not learned")


def test_the_batch_axis_is_where_the_examples_are() -> None:
    class Turned(nn.Module):
        def forward(self, x: Any) -> Any:
            return np.transpose(x)

    class Total(nn.Module):
        def forward(self, x: Any) -> Any:
            return np.sum(x)

    assert nn.Sequential(Turned()).summary((2,)).rows[0].shape == (2, None)
    assert nn.Sequential(Turned(), Total()).summary((2,)).rows[0].shape == ()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_have_the_dtype_of_the_parameters_or_the_one_asked_for(dtype: str) -> None:
    seen = []

    class Look(nn.Module):
        def forward(self, x: Any) -> Any:
            seen.append(x.dtype)
            return x

    nn.Sequential(Look(), nn.Linear(2, 2, dtype=dtype)).summary(2)
    nn.Sequential(Look()).summary(2, dtype=int)
    assert set(seen[:2]) == {np.dtype(dtype)}
    assert set(seen[2:]) == {np.dtype(int)}


@pytest.mark.parametrize("shape", ["64", 3.0, (2.0,), (-1,), (True,), None])
def test_a_bad_input_shape_is_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"input_shape is that of one example.*\(64,\)"):
        nn.Linear(2, 2).summary(shape)


def test_a_shape_that_the_model_refuses_says_what_was_run() -> None:
    with pytest.raises(ValueError, match="expected 64 features") as error:
        nn.Linear(64, 2).summary((5, 32))
    assert "float64 zeros of shape (2, 5, 32)" in error.value.__notes__[0]


def test_several_outputs_in_a_dict_and_none_at_all() -> None:
    class Split(nn.Module):
        def forward(self, x: Any) -> Any:
            return {"code": x[:, :1], "rest": [x, x]}

    class Nothing(nn.Module):
        def forward(self, x: Any) -> None: ...

    row = nn.Sequential(Split()).summary(3).rows[1]
    assert row.shape == [(None, 1), [(None, 3), (None, 3)]]
    assert "(n, 1), (n, 3), (n, 3)" in str(nn.Sequential(Split()).summary(3))
    assert "Nothing     nothing  " in str(nn.Sequential(Nothing()).summary(3))


def test_a_model_that_takes_indices_is_told_how() -> None:
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    with pytest.raises(TypeError) as error:
        net.summary(4)
    assert "dtype=int is for a model that takes indices" in error.value.__notes__[0]
    assert net.summary(4, dtype=int).rows[0].shape == (None, 4, 2)


def test_a_model_that_cannot_be_copied_says_so() -> None:
    net = nn.Linear(2, 2)
    net.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="lock") as error:
        net.summary(2)
    assert error.value.__notes__ == [
        "summary runs a copy of the model, and Linear cannot be copied"
    ]
