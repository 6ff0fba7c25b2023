"""Build the sdist, the wheel from the sdist, and use the wheel as a stranger would.

The wheel goes into an empty environment with its base dependencies only, and `try_installed.py`
runs there, away from the checkout and without `dot` on the path: what the checkout or the
developer's machine lends by accident (an undeclared dependency, a file that the wheel forgot) is
missing there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("autograd_core", "nn", "optim", "viz")


def run(*command: object, **options: object) -> None:
    """Run a command, and stop here with its status when it fails."""
    done = subprocess.run([str(word) for word in command], check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}")


def check_contents(wheel: Path) -> None:
    """The wheel holds each file of the four packages, type information included, and no more."""
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    meant = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".pyo"}
    }
    untyped = {f"{package}/py.typed" for package in PACKAGES} - held
    if held != meant or untyped:
        sys.exit(
            f"{wheel.name}: missing {sorted((meant - held) | untyped)}, "
            f"not meant to be in it {sorted(held - meant)}"
        )


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment, wherever this system puts it."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="try-wheel-") as name:
        scratch = Path(name)
        log = scratch / "build.log"
        with log.open("wb") as out:
            # With neither --sdist nor --wheel, the wheel is made from the sdist: both are tried.
            built = subprocess.run(
                [sys.executable, "-m", "build", "--outdir", str(scratch), str(ROOT)],
                check=False,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        if built.returncode:
            sys.exit(log.read_text(errors="replace"))
        (wheel,) = scratch.glob("*.whl")
        (sdist,) = scratch.glob("*.tar.gz")
        check_contents(wheel)

        environment = scratch / "environment"
        venv.create(environment, with_pip=True)
        python = python_of(environment)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)

        shutil.copy(ROOT / "scripts" / "try_installed.py", scratch)
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        run(python, "-W", "error", "try_installed.py", cwd=scratch, env=clean | {"PATH": ""})
        print(f"{sdist.name} and {wheel.name}: built, installed and tried")


if __name__ == "__main__":
    main()
