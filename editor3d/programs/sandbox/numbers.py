"""The part of numpy that programs may use: arrays, arithmetic and repeatable random numbers.

No file, no text or buffer that is read as numbers, no memory by its address or strides, no pickle, no global setting.
`empty` gives zeros: what lay in memory before would make two pictures of one program differ. Imports no bpy.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from editor3d.programs.sandbox.repeatable import SEED


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    """
    abs absolute add all allclose amax amin any append arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh
    argmax argmin argsort argwhere around array array_equal asarray atleast_1d atleast_2d average bincount bool_
    broadcast_to ceil clip column_stack concatenate convolve copy cos cosh count_nonzero cross cumprod cumsum deg2rad
    degrees delete diag diff digitize divide dot dstack e einsum empty empty_like equal exp expand_dims eye fabs flip
    float32 float64 floor floor_divide fmod full full_like gradient greater greater_equal heaviside histogram hsplit
    hstack hypot identity inf inner insert int16 int32 int64 uint8 interp intersect1d isclose isfinite isin isinf isnan
    kron less less_equal linspace log log10 log1p log2 logical_and logical_not logical_or logspace matmul max maximum
    mean median meshgrid mgrid min minimum mod multiply nan nan_to_num ndarray ndim negative newaxis nonzero not_equal
    ones ones_like outer pad percentile pi polyfit polyval power prod ptp quantile rad2deg radians ravel repeat reshape
    roll rot90 round searchsorted shape sign sin sinh size sort split sqrt square squeeze stack std subtract sum
    swapaxes take tan tanh tensordot tile trace transpose trapezoid tri tril triu trunc unique var vectorize vstack
    where zeros zeros_like
    """
)
"""Functions, types and constants of `numpy` itself."""
LINALG = _words("cond det eig eigh inv lstsq matrix_rank norm pinv qr solve svd")
RANDOM = _words(
    """
    beta binomial choice default_rng exponential gamma lognormal normal permutation poisson rand randint randn random
    random_sample RandomState seed shuffle standard_normal triangular uniform
    """
)
ATTRIBUTES = _words(
    """
    T all any argmax argmin argsort astype clip cumprod cumsum dot dtype fill flat flatten imag item max mean min ndim
    nonzero prod ptp ravel real repeat reshape round searchsorted shape size squeeze std sum swapaxes take tolist trace
    transpose var accumulate outer reduce integers standard_normal
    """
)
"""Attributes of arrays, of ufuncs and of generators."""
SET_NEVER = frozenset({"dtype", "T", "flat", "strides"})
"""Those of them that a program may not set: memory would be read as what it is not."""


def numpy_module() -> ModuleType:
    """A module like numpy with these parts alone, at the start of its random numbers."""
    import numpy as np

    module = _of(np, "numpy", [name for name in NAMES if hasattr(np, name)])
    module.__dict__.update(empty=module.zeros, empty_like=module.zeros_like)
    module.__dict__.update(linalg=_of(np.linalg, "numpy.linalg", LINALG), random=_random())
    return module


def _of(real: ModuleType, name: str, parts: Any) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update({part: own(getattr(real, part)) for part in parts})
    return module


def own(value: Any) -> Any:
    """A function that keeps nothing for the next program: what is set on it ends with this one."""
    is_function = callable(value) and not isinstance(value, type) and type(value).__name__ != "ufunc"
    return functools.partial(value) if is_function else value


def _random() -> ModuleType:
    import numpy as np

    module, state = ModuleType("numpy.random"), np.random.RandomState(SEED)

    def default_rng(seed: Any = None) -> np.random.Generator:
        return np.random.default_rng(SEED if seed is None else _plain(seed))

    def random_state(seed: Any = None) -> np.random.RandomState:
        return np.random.RandomState(SEED if seed is None else _plain(seed))

    def begin(seed: Any = None) -> None:
        state.seed(SEED if seed is None else _plain(seed))

    named = {name: getattr(state, name) for name in RANDOM if name not in ("default_rng", "RandomState", "seed")}
    module.__dict__.update(named, default_rng=default_rng, RandomState=random_state, seed=begin)
    return module


def _plain(seed: Any) -> Any:
    """A seed of numbers; an object that makes bits itself is none."""
    if isinstance(seed, bool) or not isinstance(seed, (int, float, list, tuple)):
        raise TypeError(f"a seed is a whole number or a list of some, not {type(seed).__name__}")
    return int(seed) if isinstance(seed, float) else seed
