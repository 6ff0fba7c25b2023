"""Whole powers of arrays: by products, to the accuracy and with the dtype of NumPy's power."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_core as ag


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 7, 3.0, 5.0, -2])
def test_value_and_gradient_are_within_a_few_units_of_the_exact_ones(dtype, n):
    values = np.random.default_rng(0).standard_normal((50, 20)).astype(dtype)
    exact = values.astype(np.longdouble)
    x = ag.Tensor(values, requires_grad=True)
    y = x**n
    y.backward(np.ones_like(values))
    assert y.dtype == x.grad.dtype == dtype
    few = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(y.data, exact**n, rtol=few)
    np.testing.assert_allclose(x.grad, n * exact ** (n - 1), rtol=few)
    np.testing.assert_array_equal(x.data, values)  # products are made in an array of their own


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_extreme_values_are_numpys(n):
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e300, -1e300, 1e-300])
    with np.errstate(over="ignore", invalid="ignore"):
        y = (ag.Tensor(values) ** n).data
        expected = values**n
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(expected))


def test_an_overflow_warns_as_numpys():
    with pytest.warns(RuntimeWarning, match="overflow"):
        ag.Tensor(np.array([1e200])) ** 3


def test_other_dtypes_and_scalars_are_numpys_own():
    for value in (np.array([2, -3]), np.float32(1.5), np.array([1.5], np.float16), np.array(2.0)):
        y = ag.Tensor(value) ** 3
        np.testing.assert_array_equal(y.data, value**3)
        assert y.dtype == (value**3).dtype


def test_order_two_is_right():
    x = np.array([-1.5, 0.0, 2.0])
    hessian = ag.hessian(lambda x: (x**5).sum())(x)
    np.testing.assert_allclose(np.diag(hessian), 20 * x**3, rtol=1e-14)
