"""Samples of products: matmul and its kin, tensordot, einsum, cross."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .base import Case, Draw, numbers, one, sample_for, shapes

Shape = tuple[int, ...]


def two(draw: Draw, pairs: list[tuple[Shape, Shape]], **kwargs: Any) -> Case:
    """The case of a function of two arrays."""
    x, y = draw(st.sampled_from(pairs))
    return Case(
        (numbers(draw, x), numbers(draw, y)), lambda f, *xs: f(*xs, **kwargs), f"{x}, {y}, {kwargs}"
    )


_MATMUL: list[tuple[Shape, Shape]] = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((1, 2, 3), (5, 3, 2)),
    ((5, 2, 0), (0, 3)),
]  # fmt: skip


@sample_for("numpy.matmul", "numpy.linalg.matmul")
def matmul(draw: Draw) -> Case:
    return two(draw, _MATMUL)


_FLAT = [
    *(pair for pair in _MATMUL if max(map(len, pair)) <= 2),
    ((), (3,)), ((2, 3), ()), ((5, 2, 3), (3,)), ((4, 3), (3, 2)), ((), ()),
]  # fmt: skip


@sample_for("numpy.dot")
def dot(draw: Draw) -> Case:
    return two(draw, [*_FLAT, ((2, 3), (4, 3, 2)), ((3,), (4, 3, 2)), ((2, 1, 3), (4, 3, 2))])


@sample_for("numpy.inner")
def inner(draw: Draw) -> Case:
    return two(
        draw, [((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), (4, 1, 3)), ((), (2, 3))]
    )


@sample_for("numpy.vdot")
def vdot(draw: Draw) -> Case:
    return two(draw, [((3,), (3,)), ((2, 3), (3, 2)), ((), ()), ((0,), (0,))])


@sample_for("numpy.outer")
def outer(draw: Draw) -> Case:
    return two(draw, [((3,), (2,)), ((2, 3), (2, 1)), ((), (3,)), ((0,), (2,))])


@sample_for("numpy.linalg.outer")
def outer_of_vectors(draw: Draw) -> Case:
    return two(draw, [((3,), (2,)), ((1,), (4,)), ((0,), (2,))])


_VECDOT: list[tuple[Shape, Shape]] = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((4, 1, 3), (2, 3)), ((2, 0), (2, 0)),
]  # fmt: skip


@sample_for("numpy.vecdot")
def vecdot(draw: Draw) -> Case:
    return two(draw, _VECDOT, **draw(st.sampled_from([{}, {"keepdims": True}])))


@sample_for("numpy.linalg.vecdot")
def vecdot_along(draw: Draw) -> Case:
    if draw(st.booleans()):
        return two(draw, _VECDOT)
    return two(draw, [((3, 2), (3, 2)), ((3, 1, 2), (3, 4, 2))], axis=0)


@sample_for("numpy.matvec")
def matvec(draw: Draw) -> Case:
    return two(draw, [((2, 3), (3,)), ((4, 2, 3), (3,)), ((2, 3), (4, 3)), ((4, 1, 2, 3), (2, 3))])


@sample_for("numpy.vecmat")
def vecmat(draw: Draw) -> Case:
    return two(draw, [((3,), (3, 2)), ((4, 3), (3, 2)), ((3,), (4, 3, 2)), ((2, 3), (4, 1, 3, 2))])


@sample_for("numpy.tensordot", "numpy.linalg.tensordot")
def tensordot(draw: Draw) -> Case:
    x, y, axes = draw(
        st.sampled_from([
            ((2, 3, 4), (3, 4, 2), 2), ((2, 3), (3, 4), 1), ((2, 3), (4, 2), 0),
            ((2, 3, 4), (4, 2), ([0, 2], [1, 0])), ((2, 3), (3, 2), ((0, 1), (1, 0))),
            ((2, 3, 4), (2, 3), (1, 1)), ((2, 3, 4), (5, 3), (-2, [-1])), ((2, 0), (0, 3), 1),
            ((2, 3), (2, 3), 2), ((2,), (), 0),
        ])
    )  # fmt: skip
    if axes == 2 and x == y:
        axes = (range(2), (0, 1))
    return two(draw, [(x, y)], axes=axes)


@sample_for("numpy.kron")
def kron(draw: Draw) -> Case:
    return two(
        draw,
        [((2,), (3,)), ((2, 3), (2, 1)), ((2, 3), (2,)), ((3,), (1, 2, 2)), ((), (2, 2)), ((), ())],
    )


@sample_for("numpy.cross")
def cross(draw: Draw) -> Case:
    x, y, options = draw(
        st.sampled_from([
            ((3,), (3,), {}), ((2, 3), (3,), {}), ((3,), (2, 3), {}), ((4, 1, 3), (2, 3), {}),
            ((3, 2), (3, 2), {"axis": 0}), ((3, 2), (2, 3), {"axisa": 0, "axisc": 0}),
            ((3,), (4, 3, 2), {"axisb": 1}), ((4, 3, 2), (3, 2), {"axis": -2}),
            ((4, 3, 2), (3, 4, 2), {"axisa": 1, "axisb": 0, "axisc": 1}),
        ])
    )  # fmt: skip
    return two(draw, [(x, y)], **options)


@sample_for("numpy.linalg.cross")
def cross_in_space(draw: Draw) -> Case:
    x, y, axis = draw(st.sampled_from([((3,), (3,), -1), ((2, 3), (3,), -1), ((3, 2), (3, 1), 0)]))
    return two(draw, [(x, y)], axis=axis)


@sample_for("numpy.trace")
def trace(draw: Draw) -> Case:
    x = numbers(draw, shapes(draw, min_dims=2))
    axis1, axis2 = draw(st.permutations(range(x.ndim)))[:2]
    offset = draw(st.integers(-3, 3))
    return one(x, offset=offset, axis1=axis1 - x.ndim * draw(st.booleans()), axis2=axis2)


@sample_for("numpy.linalg.trace")
def trace_of_matrices(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=2)), offset=draw(st.integers(-2, 2)))


@sample_for("numpy.linalg.matrix_transpose")
def matrix_transpose(draw: Draw) -> Case:
    return one(numbers(draw, shapes(draw, min_dims=2)))


_EINSUM = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("i,j->ij", (2,), (3,)),
    ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (2, 2, 3)),
    ("...ij,...jk->...ik", (5, 2, 3), (3, 4)), ("...i,i", (2, 3), (3,)),
    ("i,i,i->i", (3,), (3,), (3,)),
    ("ij,k->k", (2, 3), (4,)), ("ij,ij->", (2, 3), (2, 3)), ("bij,bj->bi", (1, 2, 3), (4, 3)),
    ("iii->i", (2, 2, 2)), ("a...,...->a...", (2, 3), (3,)), ("ij,ij->i", (2, 1), (2, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)), ("ij,jk,kl,l->i", (2, 3), (3, 2), (2, 4), (4,)),
    ("ij,i,j->", (2, 3), (2,), (3,)), ("ii,ij,k->j", (2, 2), (2, 3), (2,)),
    ("i,i->", (0,), (0,)), ("ij->j", (2, 0)), (",i->i", (), (3,)),
    ("iij,ijj->", (2, 2, 3), (2, 3, 3)),
    ("...ij,...jk,k->...i", (2, 2, 3), (1, 3, 2), (2,)), ("ab,ab,ab->ba", (2, 3), (2, 3), (2, 1)),
]  # fmt: skip
_OPTIMIZE = [False, True, "greedy", "optimal", ["einsum_path", (0, 1)]]


@sample_for("numpy.einsum")
def einsum(draw: Draw) -> Case:
    subscripts, *sizes = draw(st.sampled_from(_EINSUM))
    optimize = draw(st.sampled_from(_OPTIMIZE))
    if isinstance(optimize, list):  # from the first operand on, the rest at once
        optimize = ["einsum_path", *[(0, 1)] * (len(sizes) - 1)] if len(sizes) > 1 else True
    arrays = tuple(numbers(draw, shape, salt=i) for i, shape in enumerate(sizes))
    return Case(
        arrays, lambda f, *xs: f(subscripts, *xs, optimize=optimize), f"{subscripts}, {optimize}"
    )


@sample_for("autograd_core.ops.products.einsum")
def contraction(draw: Draw) -> Case:
    subscripts, *sizes = draw(
        st.sampled_from([e for e in _EINSUM if "->" in e[0] and "." not in e[0]])
    )
    optimize = draw(st.booleans())
    arrays = tuple(numbers(draw, shape, salt=i) for i, shape in enumerate(sizes))
    # The value is computed from operands; users' calls, like the engine's, pass one sequence.
    return Case(arrays, lambda f, *xs: f(xs, subscripts=subscripts, optimize=optimize), subscripts)
