"""Sixteen floats at a time: a vector type for numba, for the loops that need it.

Compilers turn simple loops into vector instructions by themselves, and many kernels here rely on that. The inner product of
`minicnn.kernels.product` does not come out well that way, as it must keep its running sums in registers; nor do loops over few channels.
These name their vectors. A `Float32x16` is what an AVX-512 register holds; on other processors LLVM splits it. Vectors are added,
subtracted and multiplied like numbers, and with numbers.

Sums are kept as a tuple of rows, each of which is a tuple of `PER_ROW` vectors, `COLUMNS` numbers together; or of one vector, where at most
`LANES` numbers are left. How many rows are summed at a time follows from the processor's registers, which the sums must leave some of:
AVX-512 has 32, each for one vector; AVX2 has 16, each for half of one.
"""

from __future__ import annotations

import operator

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.core.datamodel import models, register_default
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic

LANES = 16
VECTOR = ir.VectorType(ir.FloatType(), LANES)


def _wide() -> bool:
    """Tell whether numba compiles for a processor with AVX-512: this one, unless a ``NUMBA_CPU_...`` variable says otherwise."""
    name, features = config.CPU_NAME, config.CPU_FEATURES  # type: ignore[attr-defined]  # set when numba starts
    if features is not None:
        return "+avx512f" in features
    return name in (None, binding.get_host_cpu_name()) and bool(binding.get_host_cpu_features().get("avx512f"))


WIDE = _wide()

#: How many vectors a whole row of sums has, and how many numbers.
PER_ROW = 2 if WIDE else 1
COLUMNS = PER_ROW * LANES


class Float32x16(types.Type):
    """Sixteen float32 numbers, for numba."""

    def __init__(self):
        super().__init__("float32x16")


float32x16 = Float32x16()


@register_default(Float32x16)
class _Float32x16Model(models.PrimitiveModel):
    def __init__(self, manager, frontend_type):
        super().__init__(manager, frontend_type, VECTOR)


def _arithmetic(operation, instruction):
    """Define an operation between two vectors, and between a number and a vector; sums of products may be rounded once."""

    @infer_global(operation)
    class _Template(ConcreteTemplate):
        cases = [signature(float32x16, left, float32x16) for left in (float32x16, types.float32)]

    @lower_builtin(operation, Float32x16, Float32x16)
    def of_vectors(context, builder, signature, arguments):
        return getattr(builder, instruction)(*arguments, flags=("contract",))

    @lower_builtin(operation, types.Float, Float32x16)
    def of_a_number(context, builder, signature, arguments):
        return getattr(builder, instruction)(_copies(builder, arguments[0]), arguments[1], flags=("contract",))


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")


@intrinsic
def power_of_two(typing_context, exponent):
    """Make 2^exponent of a whole number from -126 to 127, by writing it where a float32 has its exponent."""

    def generate(context, builder, signature, arguments):
        bits = builder.shl(builder.add(arguments[0], arguments[0].type(127)), arguments[0].type(23))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.int32), generate


@intrinsic
def load(typing_context, array, offset):
    """Read sixteen numbers from a flat offset into a contiguous float32 array."""

    def generate(context, builder, signature, arguments):
        vector = builder.load(_vector_at(builder, _data(context, builder, signature.args[0], arguments[0]), arguments[1]))
        vector.align = 4
        return vector

    return float32x16(array, types.intp), generate


@intrinsic
def store(typing_context, array, offset, vector):
    """Write sixteen numbers to a flat offset into a contiguous float32 array."""

    def generate(context, builder, signature, arguments):
        array, offset, vector = arguments
        builder.store(vector, _vector_at(builder, _data(context, builder, signature.args[0], array), offset)).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, float32x16), generate


def _sums_type(rows, vectors):
    return types.UniTuple(types.UniTuple(float32x16, vectors.literal_value), rows.literal_value)


@intrinsic(prefer_literal=True)
def zero_sums(typing_context, rows, vectors):
    """Make sums that are all zero; the number of rows, and of vectors in each, are written as literals."""
    sums = _sums_type(rows, vectors)

    def generate(context, builder, signature, arguments):
        return ir.Constant(context.get_value_type(sums), None)

    return sums(rows, vectors), generate


@intrinsic(prefer_literal=True)
def start_sums(typing_context, array, offset, rows, vectors):
    """Make sums whose rows are all array[offset : offset + LANES * vectors]; `rows` and `vectors` are written as literals."""
    sums = _sums_type(rows, vectors)

    def generate(context, builder, signature, arguments):
        data = _data(context, builder, signature.args[0], arguments[0])
        row = context.make_tuple(builder, sums.dtype, [_load_part(builder, data, arguments[1], j) for j in range(sums.dtype.count)])
        return context.make_tuple(builder, sums, [row] * sums.count)

    return sums(array, types.intp, rows, vectors), generate


@intrinsic
def at_least(typing_context, vectors, floor):
    """Return sums, or a tuple of vectors, with what is below a number set to it; NaN stays."""

    def generate(context, builder, signature, arguments):
        floors = _copies(builder, arguments[1])

        def raised(value):
            if value.type == VECTOR:
                return builder.select(builder.fcmp_ordered("<", value, floors), floors, value)
            for i in range(value.type.count):
                value = builder.insert_value(value, raised(builder.extract_value(value, i)), i)
            return value

        return raised(arguments[0])

    return vectors(vectors, types.float32), generate


@intrinsic
def add_products(typing_context, sums, array, offset, stride, factors, place):
    """Add to each row i of sums the numbers from factors[place] on, times the number array[offset + i * stride]."""

    def generate(context, builder, signature, arguments):
        new, _, offset, stride, _, place = arguments
        data, weights = (_data(context, builder, signature.args[i], arguments[i]) for i in (1, 4))
        row = [_load_part(builder, weights, place, j) for j in range(sums.dtype.count)]
        for i in range(sums.count):
            number = builder.load(builder.gep(data, [builder.add(offset, builder.mul(stride, stride.type(i)))]))
            copies = _copies(builder, number)
            for j, factor in enumerate(row):
                new = _with_product(builder, new, i, j, copies, factor)
        return new

    return sums(sums, array, types.intp, types.intp, factors, types.intp), generate


@intrinsic
def add_scaled(typing_context, sums, array, offset, stride, factors, place):
    """Add to each row i of sums the numbers from array[offset + i * stride] on, times those from factors[place] on."""

    def generate(context, builder, signature, arguments):
        new, _, offset, stride, _, place = arguments
        numbers, weights = (_data(context, builder, signature.args[i], arguments[i]) for i in (1, 4))
        row = [_load_part(builder, weights, place, j) for j in range(sums.dtype.count)]
        for i in range(sums.count):
            start = builder.add(offset, builder.mul(stride, stride.type(i)))
            for j, factor in enumerate(row):
                new = _with_product(builder, new, i, j, _load_part(builder, numbers, start, j), factor)
        return new

    return sums(sums, array, types.intp, types.intp, factors, types.intp), generate


@intrinsic(prefer_literal=True)
def add_scaled_row(typing_context, sums, array, offset, apart, factors, place, onward, taps, step):
    """Add to rows of sums the numbers of neighboring places, each times its own factors.

    Row i gets, for each k below `taps`, the numbers from array[offset + (i * step + k) * apart] on times those from
    factors[place + k * onward] on. Each number is loaded once for all rows that want it. `taps` and `step` are written as literals.
    """
    rows, vectors, count, apart_rows = sums.count, sums.dtype.count, taps.literal_value, step.literal_value

    def generate(context, builder, signature, arguments):
        new, _, offset, apart, _, place, onward, _, _ = arguments
        numbers, weights = (_data(context, builder, signature.args[i], arguments[i]) for i in (1, 4))

        def vector(data, start, between, k, j):
            return _load_part(builder, data, builder.add(start, builder.mul(between, between.type(k))), j)

        kept = [[vector(weights, place, onward, k, j) for j in range(vectors)] for k in range(count)]
        for k in range((rows - 1) * apart_rows + count):
            wanted = [i for i in range(rows) if 0 <= k - i * apart_rows < count]
            for j in range(vectors):
                loaded = vector(numbers, offset, apart, k, j) if wanted else None
                for i in wanted:
                    new = _with_product(builder, new, i, j, loaded, kept[k - i * apart_rows][j])
        return new

    return sums(sums, array, types.intp, types.intp, factors, types.intp, types.intp, taps, step), generate


@intrinsic
def store_sums(typing_context, sums, array, offset, stride):
    """Write the sums' row i to the flat offset + i * stride of a contiguous float32 array."""
    return types.void(sums, array, types.intp, types.intp), _storing(sums, lambda builder, new, old: new)


@intrinsic
def add_sums(typing_context, sums, array, offset, stride):
    """Add the sums' row i to what is at the flat offset + i * stride of a contiguous float32 array."""

    def added(builder, new, old):
        loaded = builder.load(old)
        loaded.align = 4
        return builder.fadd(new, loaded)

    return types.void(sums, array, types.intp, types.intp), _storing(sums, added)


def _storing(sums, made):
    """Generate code that writes each vector of sums, or what is made of it and of the place where it goes."""

    def generate(context, builder, signature, arguments):
        values, array, offset, stride = arguments
        data = _data(context, builder, signature.args[1], array)
        for i in range(sums.count):
            for j in range(sums.dtype.count):
                start = builder.add(builder.add(offset, builder.mul(stride, stride.type(i))), offset.type(LANES * j))
                place = _vector_at(builder, data, start)
                builder.store(made(builder, builder.extract_value(values, [i, j]), place), place).align = 4
        return context.get_dummy_value()

    return generate


@intrinsic
def store_part(typing_context, array, offset, count, vector):
    """Write the first `count` of sixteen numbers to a flat offset into a contiguous float32 array, and nothing behind them."""

    def generate(context, builder, signature, arguments):
        array, offset, count, vector = arguments
        pointer = _vector_at(builder, _data(context, builder, signature.args[0], array), offset)
        lanes = ir.Constant(ir.VectorType(count.type, LANES), list(range(LANES)))
        with builder.if_else(builder.icmp_signed(">=", count, count.type(LANES))) as (whole, part):
            with whole:
                builder.store(vector, pointer).align = 4
            with part:
                wanted = builder.icmp_signed("<", lanes, _copies(builder, count))
                types_ = [VECTOR, pointer.type, ir.IntType(32), wanted.type]
                masked = ir.FunctionType(ir.VoidType(), types_)
                masked_store = cgutils.get_or_insert_function(builder.module, masked, "llvm.masked.store.v16f32.p0")
                builder.call(masked_store, [vector, pointer, ir.Constant(ir.IntType(32), 4), wanted])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, float32x16), generate


def _data(context, builder, array_type, array):
    return context.make_array(array_type)(context, builder, array).data


def _vector_at(builder, data, offset):
    return builder.bitcast(builder.gep(data, [offset]), VECTOR.as_pointer())


def _load_part(builder, data, offset, j):
    """Read the j-th vector of those that begin at an offset."""
    loaded = builder.load(_vector_at(builder, data, builder.add(offset, offset.type(LANES * j))))
    loaded.align = 4
    return loaded


def _with_product(builder, sums, i, j, left, right):
    """Add left * right to the j-th vector of the sums' row i, rounded once where the processor can do so."""
    multiply_add = cgutils.get_or_insert_function(builder.module, ir.FunctionType(VECTOR, [VECTOR] * 3), "llvm.fmuladd.v16f32")
    new = builder.call(multiply_add, [left, right, builder.extract_value(sums, [i, j])])
    return builder.insert_value(sums, new, [i, j])


def _copies(builder, number):
    """Fill a vector with one number."""
    undefined = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    first = builder.insert_element(undefined, number, ir.IntType(32)(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))
