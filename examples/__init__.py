"""Examples to run and to read: `python -m examples.digits`."""
