"""Training: `fit`, and what belongs to it.

`fit` reads what it is given and starts a `run`, the loop over epochs and batches. `feed` gives the
batches, `steps` their losses and gradients; `distributed` and `workers` do both for Dask arrays.
`checkpoint` and `resuming` keep a killed run, `interrupts` and `divergence` end one early, with
`history`, `metrics`, `callbacks`, `progress` beside them.
"""
