"""The affine op chooses among ways to multiply by the sizes: all give the same gradients."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_core as ag
from nn.affine import SMALL, WIDE, affine, times_transposed

# Few rows of a wide weight, and many; inputs that are small, and large.
SIZES = [(3, 5, 4), (3, 200, WIDE), (3, 200, WIDE - 1), (60, 200, WIDE), (50, SMALL // 40, 3)]


@pytest.mark.parametrize(("rows", "inputs", "outputs"), SIZES)
def test_gradients_are_those_of_the_products(rows, inputs, outputs):
    rng = np.random.default_rng(0)
    x, w, b, g = (
        rng.standard_normal(shape)
        for shape in ((rows, inputs), (inputs, outputs), (outputs,), (rows, outputs))
    )
    tensors = [ag.Tensor(part, requires_grad=True) for part in (x, w, b)]
    y = affine(*tensors)
    y.backward(g)
    expected = [
        np.einsum("ro,io->ri", g, w),
        np.einsum("ri,ro->io", x, g),
        np.einsum("ro->o", g),
    ]
    np.testing.assert_allclose(y.data, np.einsum("ri,io->ro", x, w) + b, rtol=1e-10, atol=1e-10)
    for tensor, gradient in zip(tensors, expected, strict=True):
        np.testing.assert_allclose(tensor.grad, gradient, rtol=1e-10, atol=1e-10)
        assert tensor.grad.flags.c_contiguous


def test_a_product_with_the_transpose_is_laid_out_by_rows():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, WIDE)), rng.standard_normal((100, WIDE))
    product = times_transposed(x, w)
    np.testing.assert_allclose(product, np.einsum("ro,io->ri", x, w), rtol=1e-10, atol=1e-10)
    assert product.flags.c_contiguous  # or adding to it would take longer than was saved


def test_the_derivative_of_the_gradient_is_right_for_few_rows():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 20)), rng.standard_normal((20, WIDE)) / 10

    def through(x):
        return (affine(x, w, np.zeros(WIDE)) ** 3).sum()

    v = rng.standard_normal(x.shape)
    expected = np.einsum("ro,io->ri", 6 * (x @ w) * (v @ w), w)
    np.testing.assert_allclose(ag.hvp(through, (x,), (v,))[0], expected, rtol=1e-9)
