"""The same work here and in the peers, side by side in one run: `python -m benchmarks`."""
