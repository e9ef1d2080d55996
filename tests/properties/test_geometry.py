"""Geometry against brute force, for whatever sizes hypothesis thinks of."""

from hypothesis import assume, given
from hypothesis import strategies as st

from minicnn.geometry import ReceptiveField, Window, output_size

sizes = st.integers(1, 40)
windows = st.builds(
    Window.of,
    kernel_size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    ceil_mode=st.booleans(),
)


@given(sizes, st.integers(1, 12), st.integers(1, 6), st.integers(0, 5))
def test_output_size_counts_the_windows_that_fit(size, kernel_size, stride, padding):
    assume(size + 2 * padding >= kernel_size)
    starts = [start for start in range(-padding, size + padding, stride) if start + kernel_size <= size + padding]
    assert output_size(size, kernel_size, stride, padding) == len(starts)


@given(sizes, sizes, st.lists(windows, max_size=4), st.data())
def test_the_receptive_field_is_what_the_windows_reach(height, width, stack, data):
    shapes = [(height, width)]
    for window in stack:
        assume(all(n + sum(p) >= extent for n, extent, p in zip(shapes[-1], window.extent, window.padding)))
        shapes.append(window.output_size(*shapes[-1]))
    unit = tuple(data.draw(st.integers(0, n - 1)) for n in shapes[-1])
    field = ReceptiveField()
    for window in stack:
        field = field.through(window)
    box = field.box(*unit, height, width)
    for axis in range(2):
        low = high = unit[axis]
        for window in reversed(stack):  # the units below that the window covers, padding included
            low = low * window.stride[axis] - window.before[axis]
            high = high * window.stride[axis] - window.before[axis] + window.extent[axis] - 1
        reached = range(max(0, low), min((height, width)[axis], high + 1))
        assert list(range(box[axis].start, box[axis].stop)) == list(reached)
