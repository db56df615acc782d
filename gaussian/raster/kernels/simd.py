"""Sixteen floats at a time inside numba kernels: the lanes of one row of a tile.

LLVM vectorises a loop only where it can prove a great deal about it, and stops doing so in silence. These types say it
outright: `f32x16` is LLVM's <16 x float>, `mask16` its <16 x i1>. LLVM splits them into what the machine has (one
AVX-512, two AVX2 or four NEON registers), so the same kernel runs everywhere without a compiler.

    rows = stack_rows(ROWS)                 # scratch on the stack, ROWS x 16 floats, uninitialised
    t = load(rows, r)                       # row r
    store(rows, r, select(t < splat(limit), splat(0.0), t))

Arithmetic operators, comparisons (`<`, `<=`) and `&` work lane by lane, between vectors only: `splat` makes one of a
number.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.extending import intrinsic, overload, register_model

LANES = 16
_ALIGNMENT = 64
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)
# what a sum of products may be: reassociated and contracted; NaN and infinities keep their meaning
_FLAGS = ("contract", "reassoc", "nsz", "arcp")


class _Float32x16(types.Type):
    def __init__(self) -> None:
        super().__init__(name="float32x16")


class _Mask16(types.Type):
    def __init__(self) -> None:
        super().__init__(name="mask16")


f32x16 = _Float32x16()
mask16 = _Mask16()
_rows = types.CPointer(types.float32)


@register_model(_Float32x16)
class _Float32x16Model(models.PrimitiveModel):
    def __init__(self, manager, numba_type) -> None:
        super().__init__(manager, numba_type, _VECTOR)


@register_model(_Mask16)
class _Mask16Model(models.PrimitiveModel):
    def __init__(self, manager, numba_type) -> None:
        super().__init__(manager, numba_type, _MASK)


def _broadcast(builder, value, vector_type):
    zero = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(vector_type, ir.Undefined), value, zero)
    return builder.shuffle_vector(
        one, ir.Constant(vector_type, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    )


def _constant(value: float):
    return ir.Constant(_VECTOR, [value] * LANES)


def _call(builder, name: str, result, arguments):
    kinds = [argument.type for argument in arguments]
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, kinds), name)
    return builder.call(function, arguments)


@intrinsic
def splat(typing_context, value):
    """A vector whose lanes are all `value`, a float32."""

    def codegen(context, builder, signature, args):
        return _broadcast(builder, context.cast(builder, args[0], signature.args[0], types.float32), _VECTOR)

    return f32x16(value), codegen


@intrinsic
def lane_centres(typing_context):
    """(0.5, 1.5, ..., 15.5): where the pixels of a row have their centres."""

    def codegen(context, builder, signature, args):
        return ir.Constant(_VECTOR, [lane + 0.5 for lane in range(LANES)])

    return f32x16(), codegen


def _stack(count: int):
    def typed(typing_context):
        def codegen(context, builder, signature, args):
            memory = cgutils.alloca_once(builder, ir.ArrayType(ir.FloatType(), count * LANES))
            memory.align = _ALIGNMENT
            return builder.bitcast(memory, ir.FloatType().as_pointer())

        return _rows(), codegen

    return intrinsic(typed)


stack_rows = _stack(LANES)
"""Scratch of 16 rows on the stack, uninitialised. Every call in the source is a buffer of its own."""


def _row_pointer(builder, rows, row):
    at = builder.mul(row, ir.Constant(row.type, LANES))
    return builder.bitcast(builder.gep(rows, [at]), _VECTOR.as_pointer())


@intrinsic
def load(typing_context, rows, row):
    """Row `row` of a buffer of `stack_rows`."""

    def codegen(context, builder, signature, args):
        row_index = context.cast(builder, args[1], signature.args[1], types.int64)
        return builder.load(_row_pointer(builder, args[0], row_index), align=_ALIGNMENT)

    return f32x16(rows, row), codegen


@intrinsic
def store(typing_context, rows, row, value):
    """Write row `row` of a buffer of `stack_rows`."""

    def codegen(context, builder, signature, args):
        row_index = context.cast(builder, args[1], signature.args[1], types.int64)
        builder.store(args[2], _row_pointer(builder, args[0], row_index), align=_ALIGNMENT)
        return context.get_dummy_value()

    return types.void(rows, row, value), codegen


@intrinsic
def get_lane(typing_context, rows, row, lane):
    """One number of a buffer of `stack_rows`."""

    def codegen(context, builder, signature, args):
        row_index, column = (
            context.cast(builder, value, kind, types.int64)
            for value, kind in zip(args[1:], signature.args[1:], strict=True)
        )
        at = builder.add(builder.mul(row_index, ir.Constant(row_index.type, LANES)), column)
        return builder.load(builder.gep(args[0], [at]))

    return types.float32(rows, row, lane), codegen


@intrinsic
def set_lane(typing_context, rows, row, lane, value):
    """Write one number of a buffer of `stack_rows`."""

    def codegen(context, builder, signature, args):
        row_index, column = (
            context.cast(builder, value, kind, types.int64)
            for value, kind in zip(args[1:3], signature.args[1:3], strict=True)
        )
        at = builder.add(builder.mul(row_index, ir.Constant(row_index.type, LANES)), column)
        builder.store(context.cast(builder, args[3], signature.args[3], types.float32), builder.gep(args[0], [at]))
        return context.get_dummy_value()

    return types.void(rows, row, lane, value), codegen


@intrinsic
def fma(typing_context, a, b, c):
    """a * b + c, rounded once where the machine can."""

    def codegen(context, builder, signature, args):
        return _call(builder, "llvm.fmuladd.v16f32", _VECTOR, args)

    return f32x16(a, b, c), codegen


@intrinsic
def minimum(typing_context, a, b):
    """The smaller of two, lane by lane; b where either is NaN."""

    def codegen(context, builder, signature, args):
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[0], args[1])

    return f32x16(a, b), codegen


@intrinsic
def absolute(typing_context, a):
    """|a|, lane by lane."""

    def codegen(context, builder, signature, args):
        return _call(builder, "llvm.fabs.v16f32", _VECTOR, args)

    return f32x16(a), codegen


@intrinsic
def select(typing_context, mask, a, b):
    """a where the mask is true, b elsewhere."""

    def codegen(context, builder, signature, args):
        return builder.select(*args)

    return f32x16(mask, a, b), codegen


@intrinsic
def any_lane(typing_context, mask):
    """Whether the mask is true anywhere."""

    def codegen(context, builder, signature, args):
        return _call(builder, "llvm.vector.reduce.or.v16i1", ir.IntType(1), args)

    return types.boolean(mask), codegen


@intrinsic
def horizontal_sum(typing_context, a):
    """The sum of the lanes, pair by pair: the same order on every machine."""

    def codegen(context, builder, signature, args):
        (value,) = args
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        half = LANES // 2
        while half:
            order = [lane + half if lane < half else LANES - 1 for lane in range(LANES)]
            moved = builder.shuffle_vector(value, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), order))
            value = builder.fadd(value, moved)
            half //= 2
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return types.float32(a), codegen


def _pairwise(builder, first, second, group: int):
    """Add the halves of each group of lanes; the groups of two vectors end up side by side in one."""
    low, high = [], []
    for start in range(0, 2 * LANES, group):
        low += range(start, start + group // 2)
        high += range(start + group // 2, start + group)
    shuffled = [
        builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(ir.IntType(32), LANES), order))
        for order in (low, high)
    ]
    return builder.fadd(*shuffled)


@intrinsic
def store_sums(typing_context, array, row, a, b, c, d, e, f, g, h):
    """array[row, :8] = the sums of the lanes of eight vectors, found together: far fewer shuffles than one by one."""

    def codegen(context, builder, signature, args):
        vectors, group = list(args[2:]), LANES
        while len(vectors) > 1:
            vectors = [_pairwise(builder, *vectors[i : i + 2], group) for i in range(0, len(vectors), 2)]
            group //= 2
        (value,) = vectors
        half = LANES // 2
        orders = ([2 * lane for lane in range(half)], [2 * lane + 1 for lane in range(half)])
        even, odd = (
            builder.shuffle_vector(
                value, ir.Constant(_VECTOR, ir.Undefined), ir.Constant(ir.VectorType(ir.IntType(32), half), order)
            )
            for order in orders
        )
        kind = signature.args[0]
        data = context.make_array(kind)(context, builder, args[0])
        at = [context.cast(builder, args[1], signature.args[1], types.intp), context.get_constant(types.intp, 0)]
        pointer = cgutils.get_item_pointer(context, builder, kind, data, at)
        target = builder.bitcast(pointer, ir.VectorType(ir.FloatType(), half).as_pointer())
        builder.store(builder.fadd(even, odd), target, align=4)
        return context.get_dummy_value()

    return types.void(array, row, a, b, c, d, e, f, g, h), codegen


_HALVES = ir.VectorType(ir.IntType(16), LANES)
_WORDS = ir.VectorType(ir.IntType(32), LANES)


def _words(value: int):
    return ir.Constant(_WORDS, [value] * LANES)


def _half_row(context, builder, kind, array, row, row_kind):
    data = context.make_array(kind)(context, builder, array)
    at = [context.cast(builder, row, row_kind, types.intp), context.get_constant(types.intp, 0)]
    return builder.bitcast(cgutils.get_item_pointer(context, builder, kind, data, at), _HALVES.as_pointer())


@intrinsic
def store_halves(typing_context, array, row, value):
    """array[row, :16] uint16 = a vector of numbers of at least 0, rounded to bfloat16: a float's upper 16 bits."""

    def codegen(context, builder, signature, args):
        pointer = _half_row(context, builder, signature.args[0], args[0], args[1], signature.args[1])
        bits = builder.add(builder.bitcast(args[2], _WORDS), _words(1 << 15))
        builder.store(builder.trunc(builder.lshr(bits, _words(16)), _HALVES), pointer, align=2)
        return context.get_dummy_value()

    return types.void(array, row, value), codegen


@intrinsic
def load_halves(typing_context, array, row):
    """What `store_halves` stored."""

    def codegen(context, builder, signature, args):
        pointer = _half_row(context, builder, signature.args[0], args[0], args[1], signature.args[1])
        bits = builder.zext(builder.load(pointer, align=2), _WORDS)
        return builder.bitcast(builder.shl(bits, _words(16)), _VECTOR)

    return f32x16(array, row), codegen


# minimax in relative error over 0 <= y <= 1.4: 2e-7, and after two squarings in single precision 3e-6
_EXP_NEG_QUARTER = (0.99999976, -0.99998593, 0.49985135, -0.16606474, 0.040475223, -0.007075786, 0.00067948381)


@intrinsic
def exp_negative(typing_context, s):
    """exp(-s) for 0 <= s <= 5.6; arbitrary beyond.

    A polynomial of degree 6 for exp(-s/4), squared twice.
    """

    def codegen(context, builder, signature, args):
        y = builder.fmul(args[0], _constant(0.25), flags=_FLAGS)
        value = _constant(_EXP_NEG_QUARTER[-1])
        for coefficient in reversed(_EXP_NEG_QUARTER[:-1]):
            value = _call(builder, "llvm.fmuladd.v16f32", _VECTOR, [value, y, _constant(coefficient)])
        value = builder.fmul(value, value, flags=_FLAGS)
        return builder.fmul(value, value, flags=_FLAGS)

    return f32x16(s), codegen


def _arithmetic(operation, instruction: str) -> None:
    @intrinsic
    def apply(typing_context, a, b):
        def codegen(context, builder, signature, args):
            # reflection: llvmlite's builder has a method for each instruction
            return getattr(builder, instruction)(*args, flags=_FLAGS)

        return f32x16(a, b), codegen

    _overload(operation, apply, f32x16)


def _comparison(operation, symbol: str) -> None:
    @intrinsic
    def apply(typing_context, a, b):
        def codegen(context, builder, signature, args):
            return builder.fcmp_ordered(symbol, *args)

        return mask16(a, b), codegen

    _overload(operation, apply, f32x16)


def _overload(operation, apply, kind) -> None:
    @overload(operation)
    def implementation(a, b):
        if a is kind and b is kind:
            return lambda a, b: apply(a, b)
        return None


for _operation, _instruction in (
    (operator.add, "fadd"),
    (operator.iadd, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_operation, _instruction)
for _operation, _symbol in ((operator.lt, "<"), (operator.le, "<=")):
    _comparison(_operation, _symbol)


@intrinsic
def _mask_and(typing_context, a, b):
    def codegen(context, builder, signature, args):
        return builder.and_(*args)

    return mask16(a, b), codegen


_overload(operator.and_, _mask_and, mask16)
