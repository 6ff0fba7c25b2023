"""Differentiate functions of SciPy and scikit-learn, which know nothing of this package.

Run it with `python -m examples.array_api`. Both libraries ask an array for its namespace of the
array API standard and compute with that one's functions, which here record what they do.
"""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # SciPy reads it when it is imported

import numpy as np
import sklearn
from scipy import signal, stats
from sklearn.metrics import r2_score
from sklearn.metrics.pairwise import cosine_similarity

import autograd_core as ag


def main() -> None:
    x = ag.Tensor([1.0, 2.0, 8.0, 4.0], requires_grad=True)
    stats.skew(x).backward()
    print("d skewness:", x.grad.round(4))

    x.zero_grad()
    envelope = abs(signal.hilbert(x))
    envelope.sum().backward()
    print("d envelope:", x.grad.round(4))

    with sklearn.config_context(array_api_dispatch=True):
        target = np.asarray([[1.0], [2.0], [3.0], [4.0]])
        x.zero_grad()
        score = r2_score(ag.asarray(target), x.reshape(-1, 1), multioutput="raw_values")
        score.sum().backward()
        print("d r2_score:", x.grad.round(4))

        x.zero_grad()
        cosine_similarity(x.reshape(2, 2))[0, 1].backward()
        print("d cosine:  ", x.grad.round(4))


if __name__ == "__main__":
    main()
