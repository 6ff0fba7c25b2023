"""Learning rates that change, and early stopping: what depends on how training goes."""
