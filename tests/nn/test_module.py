"""Modules find their parameters wherever they are held, and load a state whole or not at all."""

import copy
import dataclasses
import itertools
import pickle
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_core as ag
import nn
import optim


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
def test_a_copy_makes_its_parameters_in_order(duplicate: Any) -> None:
    # The number of a leaf is when it was made, and drawings go by it.
    for _ in range(5):
        copied = duplicate(nn.MLP([2, 3, 3, 1]))
        numbers = [p._node.number for p in copied.parameters() if p._node]
        assert numbers == sorted(numbers)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_modules_copy_and_pickle(duplicate: Any) -> None:
    model = nn.MLP([3, 4, 2])
    other = duplicate(model)
    x = np.ones((2, 3))
    assert np.array_equal(model(x).data, other(x).data)
    assert names(other) == names(model)
    assert not set(other.parameters()) & set(model.parameters())


class Normalised(nn.Module):
    """Has a gain, a shift and running averages, as normalisation layers do."""

    spared = ("weight", "bias")

    def __init__(self, n: int) -> None:
        self.weight = nn.Parameter(np.ones(n))
        self.bias = nn.Parameter(np.zeros(n))
        self.mean = nn.Buffer(np.zeros(n))
        self.count = nn.Buffer(0, dtype=np.int64)

    def forward(self, x: Any) -> Any:
        return (x - self.mean) * self.weight + self.bias


def test_buffers_are_the_other_leaf_tensors_and_part_of_the_state() -> None:
    module = Holder(inner=Normalised(3), constant=ag.Tensor(2.0), w=nn.Parameter(1.0))
    assert [name for name, _ in module.named_buffers()] == ["constant", "inner.mean", "inner.count"]
    assert module.buffers()[1] is module.inner.mean
    assert names(module) == ["w", "inner.weight", "inner.bias"]
    assert list(module.state_dict()) == [*names(module), "constant", "inner.mean", "inner.count"]
    other = Holder(inner=Normalised(3), constant=ag.Tensor(0.0), w=nn.Parameter(0.0))
    module.inner.mean._swap(np.arange(3.0))
    other.load_state_dict(module.state_dict())
    assert other.inner.mean.data.tolist() == [0.0, 1.0, 2.0]
    assert not other.inner.mean.requires_grad
    assert other.inner.count.dtype == np.int64


def test_a_buffer_of_integers_takes_no_fractions() -> None:
    module = Normalised(1)
    with pytest.raises(ValueError, match="of the wrong type: count is float64 where int64"):
        module.load_state_dict(module.state_dict() | {"count": np.array(1.0)})


@pytest.mark.parametrize("value", [np.zeros(3), 3.0, [1.0]])
def test_a_buffer_is_not_replaced_by_something_else(value: Any) -> None:
    module = Normalised(3)
    with pytest.raises(TypeError, match=r"Normalised\.mean is a buffer.*nn\.Buffer"):
        module.mean = value
    with pytest.raises(TypeError, match=r"a computed tensor would take.*t\.detach\(\)"):
        module.mean = module.mean * 0.9 + module.weight * 0.1
    module.mean = (module.mean * 0.9 + module.weight * 0.1).detach()
    assert module.mean.data == pytest.approx(0.1)
    module.mean = None
    assert [name for name, _ in module.named_buffers()] == ["count"]


def test_weights_are_the_parameters_that_penalties_act_on() -> None:
    net = nn.Sequential(nn.Linear(2, 3), Normalised(3), nn.Linear(3, 1, bias=False))
    assert [name for name, _ in net.named_weights()] == ["layers.0.weight", "layers.2.weight"]
    assert net.weights() == [net[0].weight, net[2].weight]
    net.freeze()
    assert net.weights() == [net[0].weight, net[2].weight]


def test_spared_names_the_attribute_and_all_that_it_holds() -> None:
    class Biases(Holder):
        spared = ("b",)

    module = Biases(W=nn.Parameter(1.0), b=[nn.Parameter(0.0), {"c": nn.Parameter(0.0)}])
    module.bias = nn.Parameter(0.0)
    assert [name for name, _ in module.named_weights()] == ["W", "bias"]


def test_a_shared_bias_is_spared_wherever_it_is_found_first() -> None:
    layer = nn.Linear(2, 2)
    assert [name for name, _ in Holder(b=layer.bias, layer=layer).named_weights()] == [
        "layer.weight"
    ]


def test_freezing_keeps_parameters_and_unfreezing_learns_them_again() -> None:
    net = nn.Sequential(nn.Linear(2, 3), Normalised(3), nn.Linear(3, 1))
    all_names, state = names(net), list(net.state_dict())
    ag.sum(net(np.ones((4, 2)))).backward()
    assert net[0].freeze() is net[0]
    assert (names(net), list(net.state_dict())) == (all_names, state)
    ag.sum(net(np.ones((4, 2)))).backward()
    assert net[0].weight.grad is None
    assert net[2].weight.grad is not None
    assert net[0].unfreeze() is net[0]
    # The gradient from before it was frozen is not one of today's values.
    assert net[0].weight.grad is None
    assert all(p.requires_grad for p in net.parameters())
    assert not any(b.requires_grad for b in net.buffers())


def test_one_frozen_before_a_module_held_it_is_a_parameter() -> None:
    p = nn.Parameter(1.0)
    p.requires_grad_(False)
    assert names(Holder(several=[p])) == ["several.0"]


def test_a_frozen_copy_can_be_unfrozen() -> None:
    model = copy.deepcopy(nn.MLP([2, 3, 1]).freeze())
    assert [p.requires_grad for p in model.parameters()] == [False] * 4
    assert all(p.requires_grad for p in model.unfreeze().parameters())
    assert len(model.parameters()) == 4


def test_apply_goes_through_all_modules_from_the_root() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Tanh()))
    seen: list[nn.Module] = []
    assert net.apply(seen.append) is net
    assert seen == net.modules()


def test_astype_changes_parameters_and_floating_buffers_in_place() -> None:
    net = nn.Sequential(nn.Linear(2, 3), Normalised(3))
    net.phase = nn.Parameter(1j)
    net[0].freeze()
    before = net.parameters() + net.buffers()
    values = {name: value.astype(complex) for name, value in net.state_dict().items()}
    ag.sum(net(np.ones((4, 2)))).backward()
    gradient = net[1].weight.grad
    assert net.astype("float32") is net
    assert all(a is b for a, b in zip(before, net.parameters() + net.buffers(), strict=True))
    dtypes = {name: value.dtype for name, value in net.state_dict().items()}
    assert dtypes.pop("layers.1.count") == np.int64
    assert dtypes.pop("phase") == np.complex64
    assert set(dtypes.values()) == {np.dtype("float32")}
    for name, value in net.state_dict().items():
        assert value == pytest.approx(values[name], rel=1e-6)
    assert net[1].weight.grad == pytest.approx(gradient, rel=1e-6)
    assert net[1].weight.grad.dtype == np.float32
    assert [p.requires_grad for p in net[0].parameters()] == [False, False]
    out = net.unfreeze()(np.ones((4, 2), np.float32))
    assert out.dtype == np.float32
    ag.sum(out).backward()
    assert net[0].weight.grad.dtype == np.float32


def test_astype_to_the_same_dtype_leaves_the_arrays() -> None:
    net = nn.Linear(2, 3)
    value = net.weight.data
    assert net.astype(float).weight.data is value


@pytest.mark.parametrize("dtype", ["int64", "complex64", bool])
def test_astype_takes_floating_dtypes_only(dtype: Any) -> None:
    net = nn.Linear(2, 3)
    with pytest.raises(TypeError, match="not a floating dtype"):
        net.astype(dtype)
    assert net.weight.dtype == float


def test_an_optimizer_made_before_astype_says_so_and_changes_nothing() -> None:
    net = nn.Linear(2, 1)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    ag.sum(net(np.ones((1, 2)))).backward()
    optimizer.step()
    net.astype("float32")
    before = net.state_dict()
    ag.sum(net(np.ones((1, 2), np.float32))).backward()
    with pytest.raises(ValueError, match="was float64.*is float32.*make a new optimizer"):
        optimizer.step()
    assert all(np.array_equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_state_that_fits_in_part_is_loaded_in_part_when_asked() -> None:
    model = nn.MLP([3, 4, 2])
    state = {"layers.0.weight": np.ones((3, 4)), "head": np.zeros(2)}
    left = model.load_state_dict(state, strict=False)
    assert left.missing == ["layers.0.bias", "layers.2.weight", "layers.2.bias"]
    assert left.unexpected == ["head"]
    assert np.all(model.state_dict()["layers.0.weight"] == 1.0)
    with pytest.raises(ValueError, match="misshapen"):
        model.load_state_dict({"layers.0.weight": np.zeros((4, 3))}, strict=False)
    assert np.all(model.state_dict()["layers.0.weight"] == 1.0)
    assert model.load_state_dict(model.state_dict()) == ([], [])


def test_a_state_may_hold_tensors_and_says_what_is_no_array() -> None:
    model = nn.Linear(2, 1)
    model.load_state_dict({"weight": nn.Parameter([[1.0], [2.0]]), "bias": ag.Tensor([3.0])})
    assert model(np.ones(2)).item() == 6.0
    with pytest.raises(ValueError, match="no array: weight: .*\n.*of the wrong type: bias is <U1"):
        model.load_state_dict({"weight": [[1.0], [2.0, 3.0]], "bias": ["a"]})
    with pytest.raises(TypeError, match="a mapping from names to arrays.*not list"):
        model.load_state_dict([1.0])  # type: ignore[arg-type]


def test_a_buffer_that_takes_a_parameters_name_is_a_buffer() -> None:
    module = Holder(w=nn.Parameter(1.0), several=[nn.Parameter(1.0)])
    module.w = None
    module.w = nn.Buffer(2.0)
    module.several = [nn.Buffer(2.0)]
    assert names(module.unfreeze()) == []
    assert [name for name, _ in module.named_buffers()] == ["w", "several.0"]
    module = Holder(w=nn.Parameter(1.0))
    del module.w
    module.w = 3.0
    assert module.w == 3.0


def test_a_parameter_does_not_stop_learning_by_an_assignment() -> None:
    module = Holder(w=nn.Parameter([1.0, 2.0]))
    with ag.no_grad(), pytest.raises(TypeError, match=r"requires no gradient would.*freeze\(\)"):
        module.w = module.w * 0.5
    with pytest.raises(TypeError, match="requires no gradient would take its place"):
        module.w = module.w.detach()
    assert module.w.requires_grad
    copied = copy.deepcopy(module.freeze())
    copied.w = copied.w  # a frozen parameter of a copy still is one
    assert names(copied) == ["w"]


@pytest.mark.parametrize("table", [{"a.b": 1.0, "a": {"b": 2.0}}, {1: 1.0, "1": 2.0}])
def test_two_tensors_of_one_path_are_refused(table: Any) -> None:
    def parameters(held: Any) -> Any:
        if isinstance(held, dict):
            return {key: parameters(value) for key, value in held.items()}
        return nn.Parameter(held)

    module = Holder(table=parameters(table))
    for ask in (module.parameters, module.state_dict, lambda: module.load_state_dict({})):
        with pytest.raises(ValueError, match=r"one path: table\.(a\.b|1); no name or key may hold"):
            ask()


def test_children_are_the_modules_held_directly() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Tanh()))
    assert net.children() == [net[0], net[1]]
    assert [name for name, _ in Holder(a=net, b=[net[0]]).named_children()] == ["a", "b.0"]


def test_zero_grad_forgets_the_gradients_of_all() -> None:
    net = nn.MLP([2, 3, 1])
    ag.sum(net(np.ones((4, 2)))).backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("mode", ["no", 0, np.ones(3), None])
def test_the_mode_is_true_or_false(mode: Any) -> None:
    net = nn.MLP([2, 3, 1], dropout=0.5)
    with pytest.raises(TypeError, match="mode must be True or False"):
        net.train(mode)
    assert all(module.training is True for module in net.modules())


def test_parameters_are_found_while_other_threads_set_attributes() -> None:
    module, stop = Holder(w=nn.Parameter(1.0)), threading.Event()

    def write() -> None:
        for i in itertools.count():
            setattr(module, f"note{i % 1000}", i)
            if i % 1000 == 999:
                for k in range(1000):
                    delattr(module, f"note{k}")
                if stop.is_set():
                    return

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(2000):
            assert names(module) == ["w"]
    finally:
        stop.set()
        thread.join()


def test_a_tensor_of_another_library_that_is_in_a_graph_changes_nothing() -> None:
    torch = pytest.importorskip("torch")
    model = nn.Linear(2, 1)
    state = {"weight": torch.ones(2, 1), "bias": torch.ones(1, requires_grad=True)}
    with pytest.raises(ValueError, match="no array: bias: .*detach"):
        model.load_state_dict(state)
    assert not np.all(model.weight.data == 1.0)
    model.load_state_dict({name: value.detach() for name, value in state.items()})
    assert np.all(model.weight.data == 1.0)


def test_one_that_a_list_got_later_can_be_unfrozen_in_a_copy() -> None:
    module = Holder(several=[])
    module.several.append(nn.Parameter(1.0))
    copied = copy.deepcopy(module.freeze())
    assert names(copied) == ["several.0"]
    assert copied.unfreeze().several[0].requires_grad


def test_a_parameter_that_was_replaced_is_let_go() -> None:
    module = Holder(w=nn.Parameter(1.0), several=[nn.Parameter(1.0)])
    old = weakref.ref(module.w), weakref.ref(module.several[0])
    module.w, module.several[0] = nn.Parameter(2.0), nn.Parameter(2.0)
    assert len(module.parameters()) == 2
    assert [gone() for gone in old] == [None, None]


def test_finding_parameters_writes_no_tensor_out(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Holder(w=nn.Parameter(1.0), several=[nn.Parameter(1.0)])

    def written(tensor: ag.Tensor, *_: str) -> str:
        raise AssertionError("a tensor was written out, which takes milliseconds")

    monkeypatch.setattr(ag.Tensor, "__repr__", written)
    monkeypatch.setattr(ag.Tensor, "__format__", written)
    assert names(module) == ["w", "several.0"]
