"""Checkpoint files: everything comes back as it was, and what is wrong with a file is told."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
import optim
from optim.files import remove_leftovers, write
from optim.training.checkpoint import load_state, pack, save_state, unpack

X = np.random.default_rng(0).normal(size=(20, 3))
Y = np.arange(20) % 2


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """To wait for the disk shows nothing here: no machine goes down."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of a small training."""
    path = tmp_path / "run.safetensors"
    train(path)
    return path


def train(path: Path, model: nn.Module | None = None) -> optim.History:
    net = nn.MLP([3, 4, 2]) if model is None else model
    return optim.fit(net, nn.cross_entropy, (X, Y), "adam", lr=0.1, epochs=2, checkpoint=path)


def refused(path: Path, message: str) -> str:
    """The error of resuming from a file, after which nothing is changed."""
    model = nn.MLP([3, 4, 2])
    before, content = model.state_dict(), path.read_bytes()
    with pytest.raises(ValueError, match=message) as caught:
        train(path, model)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    assert path.read_bytes() == content
    assert "nothing was loaded" in str(caught.value)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_a_model_and_a_checkpoint_are_not_taken_for_each_other(
    checkpoint: Path, tmp_path: Path
) -> None:
    model = nn.MLP([3, 4, 2])
    before = model.state_dict()
    with pytest.raises(ValueError, match="no saved model, but a checkpoint of optim.fit"):
        nn.load(model, checkpoint)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
    saved = tmp_path / "model.safetensors"
    nn.save(model, saved)
    refused(saved, "a model that was saved is read by nn.load")


def test_what_is_not_in_a_checkpoint_is_told(checkpoint: Path) -> None:
    state = load_state(checkpoint)
    del state["whole"]
    save_state(checkpoint, state)
    refused(checkpoint, "this checkpoint has no whole")


PLAIN: list[Any] = [
    None, True, False, 0, -7, 1 << 127, 0.1, -0.0, 5e-324, math.inf, -math.inf, "naïve \"words\"\n",
    "", [], {}, [1, [2, {"a": None}]], (1, (2, "x")), {"": 1, "$array": 2, "a.b": {"c": 3}},
    {1: "whole", (2, 3): "pair"}, np.float32(0.1), np.int64(3), np.bool_(True),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_come_back(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, {"value": value})
    found = load_state(path)["value"]
    assert found == value
    assert type(found) is (type(value.item()) if isinstance(value, np.generic) else type(value))
    assert repr(found) == repr(value.item() if isinstance(value, np.generic) else value)


def test_nan_comes_back_and_the_json_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, {"value": math.nan})
    assert math.isnan(load_state(path)["value"])
    json.loads(pack({"a": [math.nan, math.inf]})[1], parse_constant=lambda word: 1 / 0)


@pytest.mark.parametrize(
    "dtype", ["f2", "f4", "f8", ">f8", "i1", "i4", "u8", "?", "c8", "c16", ">c16"]
)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3)])
def test_arrays_come_back_bit_for_bit(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.asarray(np.random.default_rng(1).normal(size=shape) * 5).astype(dtype)
    if array.dtype.kind == "c":
        array = np.asarray(array * (1 - 2j), dtype)
    path = tmp_path / "state.safetensors"
    for value in (array, array.T, np.broadcast_to(array, (2, *shape)), np.asarray(np.flip(array))):
        save_state(path, {"a": [value]})
        found = load_state(path)["a"][0]
        assert found.shape == value.shape
        assert found.dtype == value.dtype.newbyteorder("=")
        assert found.tobytes() == value.astype(value.dtype.newbyteorder("=")).tobytes()
        assert found.flags.writeable


def test_special_bits_come_back(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    array = np.array([0x7FF8000000000001, 0xFFF0000000000000, 0x8000000000000000], np.uint64)
    save_state(path, {"a": array.view(np.float64)})
    assert load_state(path)["a"].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64]
)
def test_generators_of_each_kind_go_on(kind: Any, tmp_path: Path) -> None:
    generator = np.random.Generator(kind(3))
    generator.random(5, dtype=np.float32)
    path = tmp_path / "state.safetensors"
    save_state(path, {"rng": generator.bit_generator.state})
    wanted = generator.random(10)
    again = np.random.Generator(kind(4))
    again.bit_generator.state = load_state(path)["rng"]
    assert np.array_equal(again.random(10), wanted)


def test_same_paths_do_not_collide() -> None:
    tree = {"a": {"b": np.zeros(1)}, "a.b": np.ones(1)}
    found = unpack(*pack(tree))
    assert (found["a"]["b"][0], found["a.b"][0]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({1, 2}, "steps.x, of type set"),
        (object(), "steps.x, of type object"),
        (np.array(["a"]), "steps.x, of type ndarray and dtype <U1"),
        (np.array([None]), "dtype object"),
        (np.zeros(1, np.longdouble), "steps.x, of dtype"),
    ],
)
def test_what_has_no_place_is_named(value: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=words):
        save_state(path, {"steps": {"x": value}})
    assert path.read_bytes() == b"old"


def test_a_callback_without_a_place_is_told_before_training(tmp_path: Path) -> None:
    class Odd(optim.Callback):
        def state_dict(self) -> dict[str, Any]:
            return {"names": {"a"}}

        def on_batch(self, training: optim.Training) -> None:
            raise AssertionError

    with pytest.raises(TypeError, match="callbacks.0.names, of type set"):
        optim.fit(
            nn.MLP([3, 2]), nn.cross_entropy, (X, Y), "sgd", lr=0.1, epochs=1, callbacks=[Odd()],
            checkpoint=tmp_path / "run.safetensors",
        )  # fmt: skip


def test_any_flipped_bit_is_found(checkpoint: Path) -> None:
    whole = checkpoint.read_bytes()
    for at in np.random.default_rng().choice(len(whole), 60, replace=False):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << int(at) % 8
        checkpoint.write_bytes(damaged)
        refused(checkpoint, "nothing was loaded")


def test_any_cut_is_found(checkpoint: Path) -> None:
    whole = checkpoint.read_bytes()
    for length in {0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1}:
        checkpoint.write_bytes(whole[:length])
        refused(checkpoint, "empty" if not length else "cut short|no checkpoint")
    checkpoint.write_bytes(whole + b"\0")
    refused(checkpoint, "damaged")


def test_files_of_other_kinds(checkpoint: Path) -> None:
    foreign = checkpoint.with_name("other.safetensors")
    nn.save(nn.MLP([3, 4, 2]), foreign)
    refused(foreign, "no checkpoint of fit .a model that was saved is read by nn.load")
    with foreign.open("wb") as file:
        np.savez(file, a=np.zeros(3))
    refused(foreign, "a zip archive")
    with foreign.open("wb") as file:
        np.save(file, np.zeros(3))
    refused(foreign, "an array of NumPy's")
    foreign.write_text("epoch,loss\n1,2\n")
    refused(foreign, "no safetensors file")
    foreign.write_bytes(b"\x80\x04\x95" + bytes(range(60)))
    refused(foreign, "no safetensors file")


def test_a_later_version_is_named(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optim.training.checkpoint.VERSION", 2)
    refused(checkpoint, "a checkpoint of version 1, and this library reads version 2")


def test_a_place_that_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent" / "run.safetensors"):
        with pytest.raises(FileNotFoundError, match="must be a file in a folder that is there"):
            train(path)


def test_writing_replaces_whole_files_and_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write(path, b"one")
    inode = path.stat().st_ino
    write(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_ino != inode
    link = tmp_path / "link"
    link.symlink_to(path)
    write(link, b"three")
    assert link.is_symlink()
    assert path.read_bytes() == b"three"

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write(path, b"four")
    assert path.read_bytes() == b"three"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link"]


def test_leftovers_of_killed_writers_go_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "run"
    left = tmp_path / f".run.{'0' * 32}.tmp"
    other = [tmp_path / name for name in ("run", ".run.tmp", ".run.1.tmp", f".ran.{'0' * 32}.tmp")]
    for each in (left, *other):
        each.write_text("x")
    remove_leftovers(path)
    assert not left.exists()
    assert all(each.exists() for each in other)


def test_a_file_in_a_folder_that_cannot_be_written_stops_with_its_name(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes anywhere")
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(PermissionError):
        train(folder / "run.safetensors")


def test_what_is_in_the_file_can_be_read_by_anybody(checkpoint: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    names = set(safetensors.load_file(checkpoint))
    assert {"model.layers.0.weight", "history.training loss"} <= names
    assert b"pickle" not in checkpoint.read_bytes()
