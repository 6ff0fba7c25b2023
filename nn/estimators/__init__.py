"""Networks with scikit-learn's interface: for its pipelines, searches and cross-validation.

What scikit-learn does with estimators (``Pipeline``, ``GridSearchCV``, ``clone``, joblib's
processes and clusters) works with these. Importing this package imports scikit-learn, which
``import nn`` does not.
"""

try:
    import sklearn  # noqa: F401 - to say what is missing
except ImportError as error:
    raise ImportError(
        "nn.estimators needs scikit-learn: pip install 'autograd-core[sklearn]'"
    ) from error

from .autoencoder import AutoencoderTransformer
from .classifier import MLPClassifier
from .regressor import MLPRegressor

__all__ = ["AutoencoderTransformer", "MLPClassifier", "MLPRegressor"]
