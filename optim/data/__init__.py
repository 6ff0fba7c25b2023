"""Data: splits and labels (`arrays`), `batches`, `memory_maps`, `standardize`."""
