"""Functions of SciPy and scikit-learn, which know nothing of this package, on its tensors.

Run as a script with SCIPY_ARRAY_API=1 in the environment and ``scipy`` or ``sklearn`` as argument:
prints what went wrong, as JSON. Each call is made with arrays and with tensors, and the results
compared; those listed as differentiated are also made with tensors that require a gradient, which
is compared with finite differences of the call with arrays.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from typing import Any

import numpy as np

from autograd_core import Tensor

rng = np.random.default_rng(0)
VALUES: dict[str, Any] = {
    "x": rng.normal(size=(8, 5)),
    "y": rng.normal(size=(8, 5)),
    "p": rng.uniform(0.1, 0.9, size=(8, 5)),
    "q": rng.uniform(0.1, 0.9, size=30),
    "v": rng.normal(size=40),
    "w": rng.normal(size=7),
    "b": np.array([0.1, 0.3, 0.3, 0.1]),
    "a": np.array([1.0, -0.6, 0.5, -0.1]),
    "sos": np.array([[0.1, 0.2, 0.1, 1.0, -0.5, 0.2], [1.0, 2.0, 1.0, 1.0, -0.3, 0.1]]),
    "c": rng.integers(0, 2, 8),
    "e": rng.integers(0, 2, 8),
    "m": np.arange(8) % 3,
    "r": rng.dirichlet(np.ones(3), 8),
}

SCIPY_DIFFERENTIATED = """
st.skew(x)  st.kurtosis(x)  st.moment(x, 3)  st.gmean(p)  st.hmean(p)  st.pmean(p, 2)  st.zscore(x)
st.zmap(x, y)  st.gzscore(p)  st.variation(p)  st.sem(x)  st.entropy(p)  st.entropy(p, p * p)
st.differential_entropy(x)  st.kstat(v, 3)  st.kstatvar(v, 2)  st.iqr(x)  st.trim_mean(x, 0.1)
st.tmean(v, (-1, 1))  st.tvar(v, (-1, 1))  st.median_abs_deviation(x)  st.circmean(x)
st.circvar(x)  st.circstd(x)  st.quantile(x, 0.3)  st.gstd(p)  st.boxcox_llf(0.5, q)
st.yeojohnson_llf(0.5, v)  st.describe(x).variance  sg.hilbert(x)  sg.hilbert2(x)  sg.envelope(v)
sg.fftconvolve(v, w)  sg.fftconvolve(v, w, "same")  sg.resample(v, 20)  sg.freqz(b, a)[1]
sg.vectorstrength(q, 0.5)[0]  vq.whiten(x)  sp.erf(x)  sp.expit(x)  sp.logit(p)  sp.gammaln(p)
sp.xlogy(p, p)  sp.entr(p)  sp.rel_entr(p, p * p)  sp.logsumexp(x, axis=0)  sp.softmax(x, axis=1)
sp.log_softmax(x, axis=1)  sp.log_ndtr(x)  sp.betaln(p, p)  fft.fft(x)  fft.rfft(x)  fft.irfft(x)
fft.ifftn(x)  fft.hfft(x)  si.trapezoid(x)  si.romb(x)  si.cumulative_trapezoid(x)
si.cumulative_simpson(x)
so.rosen(w)  so.rosen_der(w)
"""

SCIPY = """
st.skewtest(x)  st.normaltest(v)  st.jarque_bera(v)  st.ttest_1samp(x, 0.0)  st.ttest_ind(x, y)
st.ttest_rel(x, y)  st.pearsonr(x, y)  st.bartlett(v, v * 2)  st.f_oneway(x, y)
st.levene(v, v * 2)  st.chisquare(m + 1.0, m + 1.0)  st.rankdata(x)  st.wilcoxon(v)
st.kruskal(v, v * 2)  st.mannwhitneyu(v, v + 0.1)  st.combine_pvalues(q)  st.mode(m)  sg.detrend(x)
sg.detrend(x, type="constant")  sg.convolve(v, w)  sg.correlate(v, w)
sg.convolve2d(x, y[:3, :3])  sg.lfilter(b, a, v)  sg.filtfilt(b, a, v)  sg.sosfilt(sos, v)
sg.sosfreqz(sos)[1]  sg.sosfiltfilt(sos, v)  sg.savgol_filter(v, 5, 2)  sg.wiener(v)  sg.medfilt(v)
sg.resample_poly(v, 2, 3)  sg.upfirdn(w, v)  vq.vq(x, y[:2, :])  vq.kmeans(x, y[:2, :])
vq.kmeans2(x, y[:2, :])  sp.betainc(p, p, p)  sp.ndtri(p)  sp.zeta(p + 1)
ndi.gaussian_filter(x, 1.0)  ndi.sobel(x)
"""

SKLEARN_DIFFERENTIATED = """
M.mean_squared_error(x, y, multioutput="raw_values")
M.mean_absolute_error(x, y, multioutput="raw_values")  M.r2_score(x, y, multioutput="raw_values")
M.explained_variance_score(x, y, multioutput="raw_values")  PW.cosine_similarity(x, y)
PW.cosine_distances(x, y)  PW.euclidean_distances(x, y)  PW.linear_kernel(x, y)
PW.polynomial_kernel(x, y)  PW.rbf_kernel(x, y)  PW.sigmoid_kernel(x, y)  PW.laplacian_kernel(x, y)
PW.manhattan_distances(x, y)  PW.chi2_kernel(p, p * p)  PW.paired_cosine_distances(x, y)
PW.paired_euclidean_distances(x, y)  PW.paired_manhattan_distances(x, y)
P.StandardScaler().fit_transform(x)  P.MinMaxScaler().fit_transform(x)
P.MaxAbsScaler().fit_transform(x)  P.normalize(x)  P.PolynomialFeatures().fit_transform(x)
L.Ridge(solver="svd").fit(x, y[:, 0]).predict(x)
"""

SKLEARN = """
M.mean_squared_error(x, y)  M.root_mean_squared_error(x, y)  M.mean_absolute_error(x, y)
M.median_absolute_error(x, y)  M.mean_absolute_percentage_error(x, y)
M.mean_squared_log_error(p, p * p)  M.r2_score(x, y)  M.explained_variance_score(x, y)
M.max_error(p[:, 0], p[:, 1])  M.mean_pinball_loss(x, y)
M.mean_tweedie_deviance(p[:, 0], p[:, 1], power=1.5)  M.d2_tweedie_score(p[:, 0], p[:, 1])
M.accuracy_score(c, e)  M.balanced_accuracy_score(c, e)  M.zero_one_loss(c, e)  M.f1_score(c, e)
M.precision_score(c, e)  M.recall_score(c, e)  M.jaccard_score(c, e)  M.hamming_loss(c, e)
M.matthews_corrcoef(c, e)  M.cohen_kappa_score(c, e)  M.confusion_matrix(c, e)
M.multilabel_confusion_matrix(c, e)  M.log_loss(c, p[:, 0])  M.log_loss(m, r)
M.brier_score_loss(c, p[:, 0])  M.roc_auc_score(c, p[:, 0])  M.average_precision_score(c, p[:, 0])
M.roc_curve(c, p[:, 0])  M.precision_recall_curve(c, p[:, 0])  M.calinski_harabasz_score(x, c)
M.davies_bouldin_score(x, c)  PW.pairwise_distances_argmin(x, y)  P.RobustScaler().fit_transform(x)
P.LabelEncoder().fit_transform(m)  P.LabelBinarizer().fit_transform(m)
D.PCA(2, svd_solver="full").fit_transform(x)
L.LogisticRegression(solver="lbfgs").fit(x, c).predict_proba(x)
DA.LinearDiscriminantAnalysis().fit(x, c).predict_proba(x)
"""


def calls(text: str) -> list[str]:
    return [call for line in text.strip().split("\n") for call in line.split("  ")]


def namespaces(library: str) -> dict[str, Any]:
    if library == "scipy":
        from scipy import fft, integrate, ndimage, optimize, signal, special, stats
        from scipy.cluster import vq

        return {
            "st": stats, "sg": signal, "vq": vq, "sp": special, "fft": fft, "si": integrate,
            "so": optimize, "ndi": ndimage,
        }  # fmt: skip
    import sklearn
    from sklearn import decomposition, discriminant_analysis, linear_model, metrics, preprocessing
    from sklearn.metrics import pairwise

    sklearn.set_config(array_api_dispatch=True)
    return {
        "M": metrics, "PW": pairwise, "P": preprocessing, "L": linear_model, "D": decomposition,
        "DA": discriminant_analysis,
    }  # fmt: skip


def parts(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [part for v in value for part in parts(v)]
    return [value]


def weighted_sum(value: Any) -> Any:
    """A number that depends on all elements of a result, their imaginary parts included."""
    weights = np.cos(np.arange(value.size)).reshape(value.shape)
    return (np.real(value) * weights).sum() + (np.imag(value) * weights).sum() / 2


def compare(call: str, modules: dict[str, Any]) -> str | None:
    arrays = parts(eval(call, {**modules, **VALUES}))
    tensors = parts(
        eval(call, {**modules, **{name: Tensor(value) for name, value in VALUES.items()}})
    )
    for x, y in zip(arrays, tensors, strict=True):
        if type(y) is not Tensor and np.ndim(x):
            return f"a {type(y).__name__} came out"
        if not np.allclose(x, np.asarray(y), rtol=1e-9, atol=1e-12, equal_nan=True):
            return f"{y} for {x}"
    return None


def differentiate(call: str, modules: dict[str, Any]) -> str | None:
    names = [
        name
        for name, value in VALUES.items()
        if value.dtype == float and re.search(rf"\b{name}\b", call.split("(", 1)[1])
    ]
    leaves = {name: Tensor(VALUES[name], requires_grad=True) for name in names}
    others = {name: Tensor(VALUES[name]) for name in VALUES if name not in names}
    weighted_sum(eval(call, {**modules, **others, **leaves})).backward()
    for name in names:
        direction = np.sin(np.arange(VALUES[name].size) + 1.0).reshape(VALUES[name].shape)
        ends = []
        for h in (1e-6, -1e-6):
            moved = {**VALUES, name: VALUES[name] + h * direction}
            ends.append(weighted_sum(np.asarray(eval(call, {**modules, **moved}))))
        expected = (ends[0] - ends[1]) / 2e-6
        found = np.sum(leaves[name].grad * direction)
        if not np.isclose(found, expected, rtol=1e-5, atol=1e-6):
            return f"gradient to {name}: {found} for {expected}"
    return None


def main(library: str) -> int:
    modules = namespaces(library)
    both = SCIPY_DIFFERENTIATED if library == "scipy" else SKLEARN_DIFFERENTIATED
    rest = SCIPY if library == "scipy" else SKLEARN
    wrong: dict[str, str] = {}
    for call in calls(both) + calls(rest):
        for check in (compare, differentiate)[: 2 if call in calls(both) else 1]:
            with warnings.catch_warnings(action="ignore"):  # theirs, of few samples and the like
                try:
                    said = check(call, modules)
                except Exception as error:
                    said = f"{type(error).__name__}: {error}"
            if said:
                wrong[f"{call} ({check.__name__})"] = said[:300]
    print(json.dumps({"calls": len(calls(both) + calls(rest)), "wrong": wrong}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
