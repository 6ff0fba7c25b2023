"""The gradient of a network over a data set in chunks, on a cluster of worker processes.

Run it with `python -m examples.distributed_gradient` (extras `dask` and `examples`). The data set
is a Dask array: its chunks lie on the workers, and the network, its loss and the back-propagation
are the same lines as for NumPy arrays. They build one lazy graph, which the workers compute
together; what comes back to this process is the gradient alone.

The data are the 1,797 digits of scikit-learn, which fit anywhere; a data set larger than the memory
of one machine is loaded chunk by chunk instead, with `dask.array.from_zarr` for example.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import nn


def gradient(model: nn.Module, X: Any, y: Any) -> tuple[Any, list[Any]]:
    """The mean loss of the data and its gradient at each parameter: arrays of the kind X is."""
    for parameter in model.parameters():
        parameter.zero_grad()
    loss = nn.cross_entropy(model(X), y)
    loss.backward()
    return loss.data, [parameter.grad for parameter in model.parameters()]


def largest_difference(ours: Sequence[Any], theirs: Sequence[Any]) -> float:
    """The largest difference between two lists of arrays, element by element."""
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def on_a_cluster(
    client: Client, model: nn.Module, X: NDArray[Any], y: NDArray[Any], rows: int
) -> tuple[float, list[NDArray[Any]]]:
    """The loss and its gradient, computed on the workers from chunks of so many rows."""
    # From here on the chunks are on the workers.
    data, labels = client.persist([da.from_array(X, (rows, -1)), da.from_array(y, rows)])
    loss, grads = gradient(model, data, labels)  # nothing is computed yet
    loss, *grads = dask.compute(loss, *grads)  # all at once: they share the forward pass
    held = client.has_what().values()
    print(f"{data.npartitions} chunks of {rows} rows; each worker holds some: {all(held)}")
    return float(loss), grads


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute the gradient twice, in this process and on the cluster, and compare."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.distributed_gradient",
        description=__doc__.split("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=250, help="images in a chunk")
    parser.add_argument(
        "--hidden", type=int, nargs="+", default=[64], help="sizes of hidden layers"
    )
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights")
    options = parser.parse_args(arguments)

    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = nn.MLP(
        [64, *options.hidden, 10], activation="tanh", rng=np.random.default_rng(options.seed)
    )
    loss, expected = gradient(model, X, y)
    print(f"in this process: loss {loss:.6f}")

    with (
        LocalCluster(
            n_workers=options.workers,
            processes=True,
            threads_per_worker=1,
            dashboard_address=None,
            # Or a worker may complain, as the cluster closes, that it has nobody to talk to.
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        total, found = on_a_cluster(client, model, X, y, options.rows)
    print(f"on {options.workers} worker processes: loss {total:.6f}")
    print(f"largest difference of the gradients: {largest_difference(found, expected):.1e}")


if __name__ == "__main__":
    main()
