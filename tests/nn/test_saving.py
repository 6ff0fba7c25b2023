"""Saved models come back bit for bit, and a file that is not whole changes nothing."""

import contextlib
import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn

safetensors = pytest.importorskip("safetensors")
numpy_format = pytest.importorskip("safetensors.numpy")


class Averaged(nn.Module):
    """Has a buffer of integers and one of numbers."""

    def __init__(self, n: int, dtype: Any = None) -> None:
        self.linear = nn.Linear(n, n, dtype=dtype)
        self.mean = nn.Buffer(np.zeros(n), dtype=dtype)
        self.count = nn.Buffer(0, dtype=np.int64)

    def forward(self, x: Any) -> Any:
        return self.linear(x - self.mean)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def unchanged(model: nn.Module, before: dict[str, Any]) -> bool:
    now = model.state_dict()
    return now.keys() == before.keys() and all(
        value.tobytes() == before[name].tobytes() for name, value in now.items()
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_was_saved_comes_back_bit_for_bit(path: Path, dtype: str) -> None:
    one, two = Averaged(3).astype(dtype), Averaged(3).astype(dtype)
    one.mean._swap(np.array([1.0, np.nan, -0.0], dtype))
    one.count._swap(np.int64(7))
    nn.save(one, path)
    assert nn.load(two, os.fspath(path)) == ([], [])
    assert unchanged(two, one.state_dict())
    assert {v.dtype for n, v in two.state_dict().items() if n != "count"} == {np.dtype(dtype)}


def test_complex_parameters_are_saved(path: Path) -> None:
    model = Averaged(2)
    model.phase = nn.Parameter(np.array([1 + 2j], np.complex64))
    nn.save(model, path)
    before = model.state_dict()
    model.phase.data = np.zeros(1, np.complex64)
    nn.load(model, path)
    assert unchanged(model, before)


def test_the_file_is_plain_safetensors(path: Path) -> None:
    model = Averaged(3)
    # Not contiguous, not in C order: the numbers are what counts.
    model.linear.weight._swap(np.asfortranarray(np.arange(18.0).reshape(3, 6)[:, ::2]))
    nn.save(model, path)
    raw = numpy_format.load_file(path)
    assert raw.keys() == model.state_dict().keys()
    assert all(np.array_equal(raw[name], v) for name, v in model.state_dict().items())
    # Its own layout, read by hand: a length, a header in JSON, the numbers.
    content = path.read_bytes()
    n = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + n])
    assert header["linear.weight"]["shape"] == [3, 3]
    assert header["__metadata__"]["model"] == "Averaged"


def test_torch_reads_it(path: Path) -> None:
    pytest.importorskip("torch")
    torch_format = pytest.importorskip("safetensors.torch")
    model = Averaged(3)
    nn.save(model, path)
    for name, value in torch_format.load_file(path).items():
        assert np.array_equal(value.numpy(), model.state_dict()[name])


def test_a_file_of_another_program_that_fits_is_loaded(path: Path) -> None:
    model = nn.Linear(2, 1)
    values = {"weight": np.ones((2, 1), np.float32), "bias": np.zeros(1, np.float32)}
    numpy_format.save_file(values, path)
    nn.load(model, path)
    assert model(np.ones(2)).item() == 2.0
    assert model.weight.dtype == np.float64


def test_a_shared_parameter_is_saved_once_and_stays_shared(path: Path) -> None:
    def tied() -> nn.Sequential:
        layer = nn.Linear(2, 2)
        return nn.Sequential(layer, nn.Tanh(), layer)

    one, two = tied(), tied()
    nn.save(one, path)
    assert list(numpy_format.load_file(path)) == ["layers.0.bias", "layers.0.weight"]
    nn.load(two, path)
    assert two[0].weight is two[2].weight
    assert unchanged(two, one.state_dict())


def test_saving_over_a_file_leaves_nothing_beside_it(path: Path) -> None:
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    nn.save(one, path)
    nn.save(two, path)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    nn.load(one, path)
    assert unchanged(one, two.state_dict())


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "latest"
    path.touch()
    link.symlink_to(path)
    nn.save(nn.Linear(2, 2), link)
    assert link.is_symlink()
    assert path.stat().st_size > 0


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_failed_save_keeps_the_old_file(
    path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.Linear(2, 2)
    nn.save(model, path)
    before = path.read_bytes()
    seen = []

    def fail(*args: Any) -> Any:
        seen.append([p.name for p in path.parent.iterdir()])
        raise OSError("no space left on device")

    if where == "write":
        monkeypatch.setattr(Path, "open", fail)
    elif where == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        nn.save(nn.Linear(3, 3), path)
    monkeypatch.undo()
    assert len(seen) == 1
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.slow
def test_a_process_killed_while_it_saves_leaves_a_whole_file(path: Path) -> None:
    program = """
        import sys, numpy as np, nn
        model = nn.Linear(400, 400, bias=False)
        print("ready", flush=True)
        for k in range(10**9):
            model.weight._swap(np.full((400, 400), float(k)))
            nn.save(model, sys.argv[1])
    """
    rng = np.random.default_rng(0)
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), path], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        while not path.exists():
            pass
        try:
            process.wait(timeout=rng.uniform(0.0, 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        model = nn.Linear(400, 400, bias=False)
        nn.load(model, path)
        assert np.all(model.weight.data == model.weight.data[0, 0])


def test_every_cut_is_refused_and_nothing_changed(path: Path) -> None:
    nn.save(nn.Linear(2, 2), path)
    whole = path.read_bytes()
    model = nn.Linear(2, 2)
    before = model.state_dict()
    for n in range(len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match="model.safetensors: (cut short|the file is empty).*;"):
            nn.load(model, path)
        assert unchanged(model, before)
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="nothing was loaded"):
        nn.load(model, path)


def test_every_damaged_byte_is_found_or_harmless(path: Path) -> None:
    saved = nn.Linear(2, 2)
    nn.save(saved, path)
    whole = path.read_bytes()
    model = nn.Linear(2, 2)
    before = model.state_dict()
    numbers = 8 + int.from_bytes(whole[:8], "little")
    harmless = 0
    for i in range(len(whole)):
        for flip in (0x01, 0x80):
            damaged = bytearray(whole)
            damaged[i] ^= flip
            path.write_bytes(damaged)
            try:
                nn.load(model, path)
            except ValueError as error:
                assert "model.safetensors" in str(error)  # noqa: PT017
                assert unchanged(model, before)
            else:
                assert i < numbers
                assert unchanged(model, saved.state_dict())
                harmless += 1
                model.load_state_dict(before)
    # The name of the model in the metadata, and little else.
    assert harmless < 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "not a safetensors file;"),
        (pickle.dumps({"weight": [1.0]}), "not a safetensors file, but a pickle"),
        (b"PK\x03\x04 and so on, a zip", "a zip archive, such as PyTorch and numpy.savez write"),
        (b"\x93NUMPY\x01\x00", "an array of NumPy's"),
        (b"just text, at some length", "not a safetensors file;"),
        (b"\xff\0\0\0\0\0\0\0{", "cut short"),
    ],
)
def test_foreign_files_are_named(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    model = nn.Linear(2, 2)
    before = model.state_dict()
    with pytest.raises(ValueError, match="nothing was loaded") as error:
        nn.load(model, path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert unchanged(model, before)


def test_a_file_of_another_model_lists_what_does_not_fit(path: Path) -> None:
    nn.save(nn.Linear(3, 2), path)
    model = nn.Linear(2, 2, bias=False)
    before = model.state_dict()
    with pytest.raises(ValueError, match="does not fit Linear") as error:
        nn.load(model, path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "unexpected: bias" in message
    assert "misshapen: weight has shape (3, 2) where (2, 2) is needed" in message
    assert unchanged(model, before)
    nn.save(nn.Linear(2, 2), path)
    assert nn.load(model, path, strict=False) == ([], ["bias"])


def without_bfloat16() -> None:
    """Skip where NumPy has been taught this dtype, as JAX does: there it is read like any other."""
    with contextlib.suppress(TypeError):
        np.dtype("bfloat16")
        pytest.skip("an imported package has taught NumPy bfloat16")


def test_a_dtype_that_numpy_has_not_is_refused(path: Path) -> None:
    without_bfloat16()
    header = b'{"weight":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 8)
    with pytest.raises(ValueError, match=r"model\.safetensors.*nothing was loaded"):
        nn.load(nn.Linear(2, 2, bias=False), path)


def test_a_dtype_that_the_format_has_not_is_refused(path: Path) -> None:
    model = nn.Linear(2, 2)
    model.phase = nn.Parameter(1j)
    with pytest.raises(TypeError, match="no place for one of the dtypes complex128, float64"):
        nn.save(model, path)
    assert not path.exists()


def test_places_that_do_not_exist_and_what_is_no_module(path: Path, tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere; make it"):
        nn.save(model, tmp_path / "nowhere" / "model")
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        nn.save(model, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"cannot load .*model\.safetensors: there is no"):
        nn.load(model, path)
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        nn.load(model, tmp_path)
    with pytest.raises(TypeError, match="save: the first argument is a module, not dict"):
        nn.save(model.state_dict(), path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="load: the first argument is a module, not PosixPath"):
        nn.load(path, model)  # type: ignore[arg-type]


def test_without_safetensors_the_error_names_the_extra(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"pip install 'autograd-core\[train\]'"):
        nn.save(nn.Linear(2, 2), path)


def test_numbers_in_the_other_byte_order_come_back(path: Path) -> None:
    class Held(nn.Module):
        def __init__(self, value: Any) -> None:
            self.value = nn.Parameter(value)

        def forward(self, x: Any) -> Any:
            return x

    value = np.arange(3.0)
    for given in (value.astype(">f8"), value.astype("<f8")):
        nn.save(Held(given), path)
        assert np.array_equal(numpy_format.load_file(path)["value"], value)
        other = Held(np.zeros(3))
        nn.load(other, path)
        assert np.array_equal(other.value.data, value)


def test_a_header_that_begins_like_a_pickle_is_none(path: Path) -> None:
    """A header of 128 bytes begins with the byte 0x80, as a pickle does."""
    without_bfloat16()
    header = b'{"weight":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'.ljust(128)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(2))
    assert path.read_bytes()[0] == 0x80
    with pytest.raises(ValueError, match="numbers of a kind that NumPy has not"):
        nn.load(nn.Linear(1, 1, bias=False), path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut short: 137 bytes of 138"):
        nn.load(nn.Linear(1, 1, bias=False), path)
