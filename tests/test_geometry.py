import pytest

from minicnn.errors import ShapeError
from minicnn.geometry import ReceptiveField, Window, output_size


@pytest.mark.parametrize(
    "size, kernel_size, stride, padding, expected",
    [
        (224, 3, 1, 1, 224),
        (224, 2, 2, 0, 112),
        (227, 11, 4, 0, 55),  # AlexNet's first layer
        (7, 3, 2, 0, 3),
        (8, 3, 2, 0, 3),  # does not divide: floor
        (3, 3, 5, 0, 1),
        (1, 3, 1, 1, 1),
    ],
)
def test_output_size(size, kernel_size, stride, padding, expected):
    assert output_size(size, kernel_size, stride, padding) == expected


def test_a_window_that_does_not_fit_is_an_error_with_both_numbers():
    with pytest.raises(ShapeError, match="window of 5 .* 2 pixels"):
        output_size(2, 5, 1, 1)


@pytest.mark.parametrize("bad", [0, -1, 1.5, "3", (1, 2, 3), None, True, (2, 0)])
def test_bad_kernel_sizes(bad):
    with pytest.raises(ShapeError, match="kernel_size"):
        Window.of(bad)


def test_non_square_windows_keep_the_axes_apart():
    assert Window.of((3, 5), (1, 2), (0, 2)).output_size(10, 20) == (8, 10)


def test_receptive_fields_of_alexnet():
    """11, 19, 51, 99, 131, 163, 195 from conv1 to pool5; the final jump is 32 (published)."""
    windows = [(11, 4, 0), (3, 2, 0), (5, 1, 2), (3, 2, 0), (3, 1, 1), (3, 1, 1), (3, 1, 1), (3, 2, 0)]
    field, sizes = ReceptiveField(), []
    for window in windows:
        field = field.through(Window.of(*window))
        sizes.append(field.size[0])
    assert sizes == [11, 19, 51, 67, 99, 131, 163, 195]
    assert field.jump == (32, 32)


def test_the_box_is_clipped_to_the_image():
    field = ReceptiveField(size=(5, 3), jump=(2, 1), padding=(2, 1))
    assert field.box(0, 0, 10, 10) == (slice(0, 3), slice(0, 2))
    assert field.box(2, 9, 10, 10) == (slice(2, 7), slice(8, 10))
