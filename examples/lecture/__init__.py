"""The lecture's demonstrations, each a file to run and to read: `python -m examples.lecture.xor`.

`python -m examples.lecture` (or `make lecture`) runs them all. Each has a `main` that takes the
command line's arguments and returns the figures it printed.
"""
