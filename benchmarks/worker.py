"""A contestant in a process of its own, asked for turns over a pipe."""

import contextlib
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.contest import Contestant
from benchmarks.machine import thread_limits
from benchmarks.timing import Laps, LocalPlayer, Opening


class PlayerFailed(Exception):
    """A contestant raised; the message is its traceback."""


def serve(pipe: Connection, contestant: Contestant, threads: int) -> None:
    """The process's whole life: build the contestant, then answer calls until told None."""
    player: LocalPlayer | None = None
    for method, *arguments in iter(pipe.recv, None):
        try:
            if method == "build":
                player = LocalPlayer(contestant)
                if "torch" in sys.modules:
                    sys.modules["torch"].set_num_threads(threads)
                pipe.send((True, None))
            else:
                pipe.send((True, getattr(player, method)(*arguments)))
        except Exception:
            pipe.send((False, traceback.format_exc()))


class RemotePlayer:
    """A `Player` whose contestant lives in a process with its own limits on threads."""

    def __init__(self, contestant: Contestant, threads: int) -> None:
        threads = contestant.threads or threads
        # Spawned, not forked: a fresh interpreter, with nothing imported before the limits are set.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=serve, args=(theirs, contestant, threads), daemon=True
        )
        with environment(thread_limits(threads)):
            self.process.start()
        theirs.close()
        try:
            self.call("build")
        except BaseException:
            self.close()
            raise

    def call(self, method: str, *arguments: Any) -> Any:
        try:
            self.pipe.send((method, *arguments))
            fine, answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            raise PlayerFailed(f"its process ended with code {self.process.exitcode}") from None
        if not fine:
            raise PlayerFailed(answer)
        return answer

    def open(self, warm_up: int) -> Opening:
        opening: Opening = self.call("open", warm_up)
        return opening

    def turn(self, steps: int, settle: float = 0.0) -> Laps:
        laps: Laps = self.call("turn", steps, settle)
        return laps

    def rest(self, at_most: float) -> None:
        """Wait until all threads of the process sleep; where that can't be seen, `at_most`."""
        until = time.perf_counter() + at_most
        asleep = 0
        while time.perf_counter() < until and asleep < 3:
            time.sleep(0.003)
            asleep = asleep + 1 if sleeps(self.process.pid) else 0

    def facts(self) -> dict[str, float]:
        found: dict[str, float] = self.call("facts")
        return found

    def close(self) -> None:
        """End the process; quietly, where it has ended already."""
        with contextlib.suppress(OSError):
            self.pipe.send(None)
        self.pipe.close()
        self.process.join(timeout=10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


def sleeps(pid: int | None) -> bool:
    """Whether no thread of a process runs or waits for a core, as Linux tells it."""
    try:
        threads = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:  # one that has just ended
        return False
    # "number (name) state ..."; a name may have brackets in it.
    return bool(threads) and all(text.rpartition(")")[2].split()[0] != "R" for text in threads)


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes started within; put back as they were afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
