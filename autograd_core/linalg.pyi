# Written by scripts/generate_stubs.py; do not edit.
from typing import Any, overload

from .tensor import Tensor

__all__ = ["svd"]

@overload
def svd(a: Tensor, full_matrices: Any = ..., compute_uv: Any = ..., hermitian: Any = ...) -> Any: ...
@overload
def svd(a: Any, full_matrices: Any = ..., compute_uv: Any = ..., hermitian: Any = ...) -> Any: ...
