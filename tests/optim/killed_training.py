"""A training that is killed again and again, in processes of its own: `test_resume` runs this file.

`python killed_training.py FOLDER CASE KILLS SEED` trains once undisturbed and once with so many
kills, and exits with an error unless both end with the same bits.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import autograd_core as ag
import nn
import optim
from optim import files

CASES: dict[str, dict[str, Any]] = {
    "adam": dict(optimizer="adam", lr=0.01, dtype="float64", patience=4, epochs=9),
    "momentum": dict(optimizer="sgd", lr=0.05, dtype="float32", patience=3, epochs=9),
}


def train(case: str, checkpoint: Path | None) -> dict[str, Any]:
    """Train with all that a checkpoint must keep; return every number that comes out."""
    how = CASES[case]
    ag.seed(3)  # dropout and the order of the batches draw from the same generator
    rng = np.random.default_rng(7)
    X = rng.normal(size=(140, 6)).astype(how["dtype"])
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    model = nn.MLP(
        [6, 12, 2], activation="relu", dropout=0.3, batch_norm=True, rng=rng, dtype=how["dtype"]
    )
    options = {"momentum": 0.9} if how["optimizer"] == "sgd" else {}
    optimizer = optim.make_optimizer(how["optimizer"], model.parameters(), lr=how["lr"], **options)
    stopping = optim.EarlyStopping(how["patience"])
    history = optim.fit(
        model, nn.cross_entropy, (X[:100], y[:100]), optimizer,
        epochs=how["epochs"], batch_size=16, validation=(X[100:], y[100:]), metrics="accuracy",
        schedule=optim.HalveOnPlateau(2) * optim.InverseTime(0.01), schedule_every="step",
        early_stopping=stopping, clip_norm=2.0,
        penalty=lambda m: 1e-3 * (m.weights()[0] ** 2).sum(),
        checkpoint=checkpoint, checkpoint_every=None if checkpoint is None else 1, progress=False,
    )  # fmt: skip
    found: dict[str, Any] = {f"model.{name}": v for name, v in model.state_dict().items()}
    found |= {f"history.{name}": np.array(row) for name, row in history.items()}
    found |= {f"{n}.{i}": v for n, vs in optimizer.state.items() for i, v in enumerate(vs)}
    found["rate"] = np.array(optimizer.lr)
    found["next"] = ag.random_generator().random(4)
    found["best"] = np.array([stopping.best_value, stopping.best_step])
    return found


def dies_while_writing(after: int, cut: bool) -> None:
    """Kill this process at a later write: in the middle of it, or before the file is in place."""
    left = [after]
    sync = os.fsync

    def fatal(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            if cut:
                os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        sync(descriptor)

    files.os.fsync = fatal  # type: ignore[assignment]


def child(case: str, folder: Path, draw: random.Random | None) -> int:
    """Start a process that trains, and that may kill itself while it writes."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        if draw is not None:
            dies_while_writing(draw.randrange(12), cut=draw.random() < 0.5)
        np.savez(folder / "found.npz", **train(case, folder / "run.safetensors"))
        status = 0
    finally:
        os._exit(status)


def main(folder: Path, case: str, kills: int, seed: int) -> None:
    draw = random.Random(seed)
    wanted = train(case, None)
    start = time.perf_counter()
    train(case, folder / "timed.safetensors")
    seconds = time.perf_counter() - start
    killed = 0
    while killed < kills:
        status = 1
        while status:
            writing = killed % 2 == 0
            pid = child(case, folder, draw if writing and killed < kills else None)
            if killed < kills and not writing:
                time.sleep(draw.uniform(0, seconds / min(kills, 9)))
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            if os.WIFSIGNALED(status):
                killed += 1
            elif status:
                sys.exit("the training failed")
        found = dict(np.load(folder / "found.npz"))
        different = [n for n in wanted if wanted[n].tobytes() != found[n].tobytes()]
        if different or set(found) != set(wanted):
            sys.exit(f"different bits after {killed} kills: {different}")
        leftovers = sorted(p.name for p in folder.iterdir() if p.suffix == ".tmp")
        if leftovers:
            sys.exit(f"left over: {leftovers}")
        # It may be done before it was killed so often: then once more.
        (folder / "run.safetensors").unlink()
        (folder / "found.npz").unlink()
    print(killed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
