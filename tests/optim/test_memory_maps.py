"""Memory maps: what they hold, what they refuse, and that memory stays flat while they stream."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optim import memory_map

ROOT = Path(__file__).resolve().parents[2]

ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "table": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "float32": np.linspace(0, 1, 7, dtype=np.float32),
    "bytes": np.arange(5, dtype=np.uint8),
    "big_endian": np.arange(4, dtype=">i4"),
    "strings": np.array(["a", "bcd"]),
    "complex": np.array([1 + 2j]),
    "number": np.array(3.5),
    "nothing": np.empty((0, 4)),
    "image": np.arange(60, dtype=np.int16).reshape(3, 4, 5),
    "pairs": np.array([(1, 2.0), (3, 4.0)], dtype=[("i", "i4"), ("x", "f8")]),
}


def same(found: Any, expected: np.ndarray[Any, Any]) -> bool:
    return (
        found.dtype == expected.dtype
        and found.shape == expected.shape
        and np.array_equal(found, expected)
    )


@pytest.mark.parametrize("name", ARRAYS)
def test_a_file_holds_its_array(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "x.npy", ARRAYS[name])
    found = memory_map(tmp_path / "x.npy")
    assert same(found, ARRAYS[name])
    assert isinstance(found, np.memmap) == (name != "nothing")


def test_an_archive_holds_its_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", **ARRAYS)  # type: ignore[arg-type]
    found = memory_map(str(tmp_path / "all.npz"))
    assert isinstance(found, dict)
    assert list(found) == list(ARRAYS)
    for name, array in found.items():
        assert same(array, ARRAYS[name])
        assert isinstance(array, np.memmap) == (name != "nothing")


def test_maps_are_read_only_and_see_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.zeros(3))
    x: Any = memory_map(path)["x"]  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 1.0
    with path.open("r+b") as file:
        file.seek(x.offset)
        file.write(np.array([7.0]).tobytes())
    assert x.tolist() == [7.0, 0.0, 0.0]


def test_an_archive_made_by_another_tool(tmp_path: Path) -> None:
    """The local header may be longer than the central one says; the suffix of names is dropped."""
    np.save(tmp_path / "x.npy", np.arange(3))
    info = zipfile.ZipInfo("folder/x.npy")
    info.extra = b"\x99\x99\x04\x00abcd"
    with (
        zipfile.ZipFile(tmp_path / "x.zip", "w", allowZip64=True) as archive,
        archive.open(info, "w", force_zip64=True) as member,
    ):
        member.write((tmp_path / "x.npy").read_bytes())
    found = memory_map(tmp_path / "x.zip")
    assert isinstance(found, dict)
    assert same(found["folder/x"], np.arange(3))


def test_an_empty_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz")
    assert memory_map(tmp_path / "x.npz") == {}


# --- what is refused ------------------------------------------------------------------------------


def test_compressed_archives_are_refused_with_the_remedy(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match=r"x\.npy in .*compressed.*np\.savez instead"):
        memory_map(tmp_path / "x.npz")


@pytest.mark.parametrize("archive", [False, True])
def test_objects_are_refused(tmp_path: Path, archive: bool) -> None:
    path = tmp_path / ("x.npz" if archive else "x.npy")
    objects = np.array([None, {}], dtype=object)
    np.savez(path, x=objects) if archive else np.save(path, objects)
    with pytest.raises(ValueError, match=r"holds Python objects \(dtype object\)"):
        memory_map(path)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_whatever_is_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    np.save(path, np.arange(50)) if suffix == "npy" else np.savez(path, x=np.arange(50))
    whole = path.read_bytes()
    for length in {*range(0, len(whole), 17), len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"is truncated|no header|no whole|is no \.npy"):
            memory_map(path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=np.arange(50))
    whole = path.read_bytes()
    path.write_bytes(b"PK\x03\x05" + whole[4:])
    with pytest.raises(ValueError, match=r"is no \.npy or \.npz file: it begins with b'PK"):
        memory_map(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("note.txt", "not an array")
    with pytest.raises(ValueError, match=r"note\.txt in .* has no header of an array"):
        memory_map(path)
    np.save(tmp_path / "y.npy", np.arange(4))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("y.npy", (tmp_path / "y.npy").read_bytes() + b"more")
    with pytest.raises(ValueError, match=r"y\.npy in .* its size is not that of its array"):
        memory_map(path)


def test_elements_without_a_byte_are_blank(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        header = {"descr": "|S0", "fortran_order": False, "shape": (3,)}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
    found: Any = memory_map(tmp_path / "x.npy")
    assert found.tolist() == [b""] * 3


@pytest.mark.parametrize("shape", [(-2, 3), (0, 10**22), (True,)])
def test_a_shape_that_no_array_has_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "x.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[arg-type]
        file.write(b"\0" * 48)
    with pytest.raises(ValueError, match=r"x\.npy has no header .* its shape cannot be \("):
        memory_map(path)


def test_another_version_of_the_format_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="format 3.0"):
        np.save(tmp_path / "x.npy", np.zeros(2, dtype=[("ж", "f8")]))
    with pytest.raises(ValueError, match=r"version \(3, 0\) of the format"):
        memory_map(tmp_path / "x.npy")


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        memory_map(tmp_path / "x.npy")


# --- memory ---------------------------------------------------------------------------------------

# What the process may allocate for itself is limited to a part of the file; the pages of a map that
# is only read do not count, for the system drops them when it needs the memory.
STREAM = """
import resource, sys
import numpy as np
from optim import Minibatches, Standardize, check_finite, memory_map

data = memory_map(sys.argv[1])
X = data["X"] if isinstance(data, dict) else data
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData"))
limit = (used << 10) + (24 << 20)
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
assert X.nbytes > 4 * (24 << 20)
try:
    np.array(X)
except MemoryError:
    print("too large to load")
check_finite(X)
scale = Standardize().fit(X)
rows = 0
for batch in Minibatches(X, batch_size=1024, rng=np.random.default_rng(0)):
    rows += len(scale.transform(batch))
print(rows, scale.mean[:2].round(9).tolist())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit and its measure are Linux's")
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_a_file_larger_than_the_memory_allowed_streams(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "x.npy"
    # A file with a hole, of zeros: it takes next to no room on the disk.
    X = np.lib.format.open_memmap(path, "w+", dtype=np.float32, shape=(100_000, 256))
    X[0, 1] = 100_000.0
    X.flush()
    del X
    if suffix == "npz":
        with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
            archive.write(path, "X.npy")
    done = subprocess.run(
        [sys.executable, "-c", STREAM, str(tmp_path / f"x.{suffix}")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["too large to load", "100000 [0.0, 1.0]"]
