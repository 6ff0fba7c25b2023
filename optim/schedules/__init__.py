"""Learning rates that change (`decay`, `cosine`, `warm_up`, `plateau`), and early stopping."""
