"""Optimizers: what all share, one file for each family, and clipping of gradients.

`optimizer` is the base, on `flat` buffers; `groups` are the hyper-parameters, `state` what is
saved, `registry` the names.
"""
