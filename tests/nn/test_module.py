"""Modules find their parameters wherever they are held, and load a state whole or not at all."""

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn


class Holder(nn.Module):
    """Holds whatever it is given."""

    def __init__(self, **held: Any) -> None:
        for name, value in held.items():
            setattr(self, name, value)

    def forward(self, x: Any) -> Any:
        return x


def names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_parameters()]


def test_a_parameter_is_a_leaf_that_requires_a_gradient() -> None:
    p = nn.Parameter(np.ones(3, np.float32), name="p")
    assert type(p) is ag.Tensor
    assert p.requires_grad
    assert p.is_leaf
    assert p.dtype == np.float32
    assert p.name == "p"


def test_attributes_lists_tuples_and_dicts_are_searched_in_order() -> None:
    def p() -> ag.Tensor:
        return nn.Parameter(0.0)

    inner = Holder(w=p())
    module = Holder(a=p(), rest=[p(), (p(), inner)], table={"x": p()}, constant=ag.Tensor(1.0))
    # Modules come after the parameters held directly, as a tree is listed from its root.
    assert names(module) == ["a", "rest.0", "rest.1.0", "table.x", "rest.1.1.w"]
    assert module.modules() == [module, inner]
    assert [path for path, _ in module.named_modules()] == ["", "rest.1.1"]


def test_a_list_may_grow_after_it_was_assigned() -> None:
    module = Holder(layers=[])
    module.layers.append(nn.Linear(2, 3))
    assert names(module) == ["layers.0.weight", "layers.0.bias"]


def test_a_shared_parameter_and_a_shared_module_come_once() -> None:
    layer = nn.Linear(2, 2)
    module = Holder(first=layer, again=layer, tied=layer.weight)
    assert names(module) == ["tied", "first.bias"]
    assert len(module.parameters()) == 2
    assert list(module.state_dict()) == ["tied", "first.bias"]


def test_modules_may_hold_their_parents() -> None:
    child = Holder(w=nn.Parameter(0.0))
    parent = Holder(child=child)
    child.parent = parent
    assert names(parent) == ["child.w"]
    assert repr(parent).endswith("Holder() ...")


def test_a_module_that_compares_by_value_is_found_by_identity() -> None:
    @dataclasses.dataclass(repr=False)
    class Scale(nn.Module):
        factor: Any

        def forward(self, x: Any) -> Any:
            return x * self.factor

    pair = nn.Sequential(Scale(nn.Parameter(2.0)), Scale(nn.Parameter(3.0)))
    assert pair(1.0).item() == 6.0
    assert len(pair.parameters()) == 2


def test_results_and_constants_are_no_parameters() -> None:
    module = Holder(w=nn.Parameter(1.0), scale=ag.Tensor(3.0))
    module.last = module.w * 2.0
    with ag.no_grad():
        module.seen = module.w * 2.0
    assert names(module) == ["w"]


def test_a_frozen_parameter_stays_one() -> None:
    module = Holder(w=nn.Parameter(1.0), several=[nn.Parameter(1.0)])
    module.w.requires_grad_(False)
    assert names(module) == ["w", "several.0"]
    module.several[0].requires_grad_(False)
    assert sorted(module.state_dict()) == ["several.0", "w"]


def test_one_frozen_within_a_list_stays_one_before_anybody_asked() -> None:
    module = Holder(several=[nn.Parameter(1.0), nn.Parameter(2.0)])
    module.several[0].requires_grad_(False)
    assert names(module) == ["several.0", "several.1"]


@pytest.mark.parametrize("value", [np.zeros(2), 3.0, "w"])
def test_a_parameter_is_not_replaced_by_something_else(value: Any) -> None:
    module = Holder(w=nn.Parameter([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"Holder\.w is a parameter.*\.data = "):
        module.w = value
    with pytest.raises(TypeError, match="a computed tensor would take its place"):
        module.w = module.w * 0.5
    assert module.w.data.tolist() == [1.0, 2.0]


def test_a_parameter_is_replaced_by_another_or_none() -> None:
    module = Holder(w=nn.Parameter(1.0))
    module.w = nn.Parameter(2.0)
    assert module.parameters()[0].item() == 2.0
    module.w = None
    assert module.parameters() == []


def test_train_and_eval_reach_everything() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh()))
    assert all(m.training for m in module.modules())
    assert module.eval() is module
    assert not any(m.training for m in module.modules())
    assert module.train() is module
    assert all(m.training for m in module.modules())


def test_forward_must_be_written() -> None:
    class Nothing(nn.Module):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Nothing()  # type: ignore[abstract]


def test_repr_is_a_tree() -> None:
    net = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Sequential(nn.Tanh()), nn.ReLU())
    assert repr(net).splitlines() == [
        "Sequential()",
        "├─ layers.0: Linear(2, 3, bias=False)",
        "├─ layers.1: Sequential()",
        "│  └─ layers.0: Tanh()",
        "└─ layers.2: ReLU()",
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_state_goes_round(dtype: str) -> None:
    one = nn.MLP([3, 4, 2], rng=np.random.default_rng(1), dtype=dtype)
    two = nn.MLP([3, 4, 2], rng=np.random.default_rng(2), dtype=dtype)
    x = np.ones((5, 3), dtype)
    assert not np.array_equal(one(x).data, two(x).data)
    two.load_state_dict(one.state_dict())
    assert np.array_equal(one(x).data, two(x).data)
    assert all(p.dtype == dtype for p in two.parameters())


def test_a_state_is_a_copy_on_the_way_out_and_in() -> None:
    model = nn.Linear(2, 1)
    state = model.state_dict()
    start = model.weight.data.copy()
    state["weight"][:] = 7.0
    assert np.array_equal(model.weight.data, start)
    model.load_state_dict(state)
    state["weight"][:] = 8.0
    assert np.all(model.weight.data == 7.0)


def test_loading_keeps_dtype_and_old_graphs() -> None:
    model = nn.Linear(2, 1, dtype="float32")
    x = np.ones((1, 2), np.float32)
    old = model.weight.data.copy()
    loss = ag.sum(model(x) ** 2)
    expected = 2 * float((x @ old).item())
    model.load_state_dict({"weight": np.full((2, 1), 5.0), "bias": [1]})
    assert model.weight.dtype == np.float32
    loss.backward()
    assert model.weight.grad[0, 0] == pytest.approx(expected)


def test_a_state_that_does_not_fit_changes_nothing_and_lists_everything() -> None:
    model = nn.MLP([3, 4, 2])
    before = model.state_dict()
    state = model.state_dict()
    del state["layers.0.bias"]
    state["layers.9.bias"] = np.zeros(2)
    state["layers.2.weight"] = np.zeros((2, 4))
    state["layers.0.weight"] = np.zeros((3, 4), complex)
    state["layers.2.bias"] += 1.0
    with pytest.raises(ValueError, match="nothing was loaded") as error:
        model.load_state_dict(state)
    message = str(error.value)
    assert "missing: layers.0.bias" in message
    assert "unexpected: layers.9.bias" in message
    assert "misshapen: layers.2.weight has shape (2, 4) where (4, 2) is needed" in message
    assert "layers.0.weight is complex128 where float64 is needed" in message
    for name, value in model.state_dict().items():
        assert np.array_equal(value, before[name])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_modules_copy_and_pickle(duplicate: Any) -> None:
    model = nn.MLP([3, 4, 2])
    other = duplicate(model)
    x = np.ones((2, 3))
    assert np.array_equal(model(x).data, other(x).data)
    assert names(other) == names(model)
    assert not set(other.parameters()) & set(model.parameters())
