"""The loop: right gradients, steps by their definitions, and the same numbers after a stop."""

import dataclasses
import tracemalloc

import numpy as np
import pytest

import minicnn
from minicnn.errors import DatasetError, MinicnnError
from minicnn.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    MaxPool2D,
    ReLU,
)
from minicnn.pictures.photos import PREPROCESSING
from minicnn.training import (
    Dataset,
    PhotoTask,
    Settings,
    State,
    evaluate,
    read_checkpoint,
    train,
    write_checkpoint,
)
from minicnn.training.augmentation import augmented
from minicnn.training.gradient_descent import loss_and_gradients
from minicnn.training.schedules import rate_share

SIZE = (12, 10)


def small_network(classes=4, seed=0, dropout=0.2):
    def empty(*shape):
        return np.zeros(shape, np.float32)

    layers = {
        "conv1": Conv2D(empty(3, 3, 3, 8), empty(8), padding=1),
        "norm1": BatchNorm(empty(8), empty(8), empty(8), empty(8) + 1),
        "relu1": ReLU(),
        "pool1": MaxPool2D(2),
        "conv2": Conv2D(empty(3, 3, 8, 16), empty(16), padding=1),
        "relu2": ReLU(),
        "drop": Dropout(dropout),
        "gap": GlobalAveragePool2D(),
        "fc": Dense(empty(16, classes), empty(classes)),
    }
    return minicnn.he_initialized(minicnn.Network(layers), seed)


@pytest.fixture
def task(generator):
    """Four classes of noise around four colors."""
    labels = np.arange(40) % 4
    colors = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [180, 180, 60]])
    photos = np.clip(colors[labels][:, None, None] + generator.normal(0, 40, (40, *SIZE, 3)), 0, 255).astype(np.uint8)
    dataset = Dataset(photos, labels, ("red", "green", "blue", "yellow"))
    return PhotoTask(dataset, np.arange(32), np.arange(32, 40), PREPROCESSING["torch"], SIZE, crop=1)


def same(a, b):
    return all(np.array_equal(x, b.arrays[layer][name]) for layer, arrays in a.arrays.items() for name, x in arrays.items())


def test_twenty_photos_are_learned_by_heart(generator):
    """Of pure noise, so nothing but the photos themselves tells the classes apart."""
    dataset = Dataset(generator.integers(0, 256, (20, *SIZE, 3), np.uint8), np.arange(20) % 4, tuple("abcd"))
    task = PhotoTask(dataset, np.arange(20), np.arange(0), PREPROCESSING["torch"], SIZE, flip=False, crop=0)
    settings = Settings(epochs=100, batch_size=10, rate=0.1, weight_decay=0.0)
    network = train(task, State(small_network(dropout=0.0)), settings, lambda state: None).network
    assert evaluate(network, task, task.training, 7).accuracy == 1.0


@pytest.mark.parametrize("soft", [False, True])
def test_gradient_of_the_whole_training_loss(generator, soft):
    """With batch normalization, dropout and weight decay, with respect to all parameters at once, in float64."""
    network = small_network(dropout=0.3).astype(np.float64)
    x = generator.standard_normal((6, *SIZE, 3))
    labels = generator.dirichlet(np.ones(4), 6) if soft else np.arange(6) % 4
    decay = 0.1

    def loss(network):
        value, _, gradients, _ = loss_and_gradients(network, x, labels, decay, np.random.default_rng(3))
        squares = sum(np.square(a).sum() for arrays in network.parameters.values() for a in arrays.values() if a.ndim > 1)
        return value + decay / 2 * squares, gradients

    direction = {
        layer: {name: generator.standard_normal(a.shape) for name, a in arrays.items()} for layer, arrays in network.parameters.items()
    }

    def moved(h):
        steps = {
            layer: {name: a + h * direction[layer][name] for name, a in arrays.items()} for layer, arrays in network.parameters.items()
        }
        return network.with_parameters(steps)

    h = 1e-6
    numeric = (loss(moved(h))[0] - loss(moved(-h))[0]) / (2 * h)
    _, gradients = loss(network)
    analytic = sum(np.vdot(gradients[layer][name], d) for layer, arrays in direction.items() for name, d in arrays.items())
    assert analytic == pytest.approx(numeric, rel=1e-6)


def test_it_learns_and_says_so(task):
    states = []
    state = train(task, State(small_network()), Settings(epochs=12, batch_size=8, rate=0.1), states.append)
    assert [entry["epoch"] for entry in state.history] == list(range(1, 13)) and len(states) == 12 * 4
    assert state.history[-1]["loss"] < state.history[0]["loss"] / 2
    assert state.history[state.best_epoch - 1]["validation accuracy"] == max(entry["validation accuracy"] for entry in state.history) > 0.8
    found = evaluate(state.result, task, task.validation, 3)
    assert found.accuracy == state.history[state.best_epoch - 1]["validation accuracy"]
    assert found.confusion.sum() == 8 and found.top5 == 1.0


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("stop", [1, 4, 9])
def test_stopped_and_resumed_is_bit_for_bit_the_same(task, tmp_path, optimizer, stop):
    settings = Settings(epochs=3, batch_size=10, rate=0.02, optimizer=optimizer)
    whole = train(task, State(small_network()), settings, lambda state: None)

    class Stop(Exception):
        pass

    def callback(state):
        if state.step == stop:
            write_checkpoint(tmp_path / "a.npz", state, dataclasses.asdict(settings))
            raise Stop

    with pytest.raises(Stop):
        train(task, State(small_network()), settings, callback)
    state = read_checkpoint(tmp_path / "a.npz", small_network(seed=5), dataclasses.asdict(settings))
    assert state.step == stop
    resumed = train(task, state, settings, lambda state: None)
    assert same(resumed.network, whole.network) and same(resumed.result, whole.result)
    assert resumed.history == whole.history and resumed.best_epoch == whole.best_epoch


def test_other_seeds_make_other_networks(task):
    def run(seed):
        return train(task, State(small_network()), Settings(epochs=1, seed=seed), lambda state: None).network

    assert same(run(0), run(0)) and not same(run(0), run(1))


def test_checkpoints_of_something_else(task, tmp_path):
    path, settings = tmp_path / "a.npz", dataclasses.asdict(Settings())
    write_checkpoint(path, State(small_network()), settings)
    with pytest.raises(DatasetError, match=r"rate 0.05 \(now 0.1\)"):
        read_checkpoint(path, small_network(), {**settings, "rate": 0.1})
    with pytest.raises(DatasetError, match="fc weight has shape"):
        read_checkpoint(path, small_network(classes=5), settings)
    with pytest.raises(DatasetError, match="no checkpoint"):
        read_checkpoint(tmp_path / "b.npz", small_network(), settings)
    write_checkpoint(path, State(small_network(), {"fc": {"weight": (np.zeros(3),)}}), settings)
    with pytest.raises(DatasetError, match=r"remembered of fc weight .*\(3,\), expected"):
        read_checkpoint(path, small_network(), settings)
    for content in (b"", b"no archive", path.read_bytes()[:-300]):
        (tmp_path / "c.npz").write_bytes(content)
        with pytest.raises(DatasetError, match="cannot be read"):
            read_checkpoint(tmp_path / "c.npz", small_network(), settings)


def test_a_single_last_photo_joins_the_batch_before(task):
    """Alone it would have no variance."""
    sizes = []

    class Spy(PhotoTask):
        def training_batch(self, positions, generator):
            sizes.append(len(positions))
            return super().training_batch(positions, generator)

    spy = Spy(task.dataset, np.arange(31), np.arange(0), task.preprocessing, SIZE, crop=1)
    train(spy, State(small_network()), Settings(epochs=1, batch_size=10), lambda state: None)
    assert sizes == [10, 10, 11]


def test_of_equally_accurate_epochs_the_one_with_the_lower_loss_is_kept(task):
    state = train(task, State(small_network()), Settings(epochs=12, batch_size=8, rate=0.1), lambda state: None)
    best = max(state.history, key=lambda entry: (entry["validation accuracy"], -entry["validation loss"]))
    assert best["epoch"] == state.best_epoch
    assert sum(entry["validation accuracy"] == best["validation accuracy"] for entry in state.history) > 1


def test_patience(task):
    """A rate of 0 changes nothing but the running statistics, so soon no epoch is better than the best."""
    state = train(task, State(small_network()), Settings(epochs=50, rate=0.0, batch_size=32, patience=3), lambda state: None)
    assert len(state.history) == state.best_epoch + 3 < 50


def test_a_rate_that_is_too_large(task):
    with pytest.raises(MinicnnError, match="smaller rate"), np.errstate(all="ignore"):
        train(task, State(small_network()), Settings(epochs=50, rate=1000.0, batch_size=32), lambda state: None)


def test_statistics_that_are_no_longer_numbers(task):
    """In training the loss does not depend on the running variance, so it stays finite; the network is of no use all the same."""
    network = small_network()
    norm = dataclasses.replace(network.layers["norm1"], variance=np.full(8, np.inf, np.float32))
    with pytest.raises(MinicnnError, match="norm1 .*not finite .*epoch 1.* smaller rate"):
        train(task, State(minicnn.Network({**network.layers, "norm1": norm})), Settings(epochs=2, batch_size=32), lambda state: None)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"batch_size": 0}, {"rate": -1.0}, {"momentum": 1.5}, {"seed": -1}, {"warm_up": 2.0}])
def test_settings_out_of_range(options):
    with pytest.raises(MinicnnError, match="expected"):
        Settings(**options)


def one_step_each(optimizer, gradients, **options):
    """Follow given gradients from 1, one number at a time, by the loop's own rule."""
    settings = Settings(optimizer=optimizer, **options)
    optimize, value, memory = settings.make_optimizer(), 1.0, ()
    for gradient in gradients:
        direction, memory = optimize(np.array([gradient]), memory)
        value -= 0.1 * direction[0]
    return value


def test_optimizers_by_their_definitions():
    gradients = [1.0, -0.5, 2.0]
    velocity, plain, nesterov = 0.0, 1.0, 1.0
    for g in gradients:
        velocity = 0.9 * velocity + g
        plain, nesterov = plain - 0.1 * velocity, nesterov - 0.1 * (g + 0.9 * velocity)
    assert one_step_each("sgd", gradients, nesterov=False) == pytest.approx(plain)
    assert one_step_each("sgd", gradients, nesterov=True) == pytest.approx(nesterov)
    m = v = 0.0
    adam = 1.0
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        adam -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert one_step_each("adam", gradients) == pytest.approx(adam)


def test_weight_decay(task):
    """It shrinks weights, not biases and scales; with Adam whatever the gradient's size."""
    x, labels = task.batch(np.arange(4))
    network = small_network(dropout=0.0)
    without, with_decay = (loss_and_gradients(network, x, labels, decay, np.random.default_rng(0))[2] for decay in (0.0, 0.5))
    assert with_decay["conv1"]["weight"] == pytest.approx(without["conv1"]["weight"] + 0.5 * network.parameters["conv1"]["weight"])
    assert np.array_equal(with_decay["conv1"]["bias"], without["conv1"]["bias"])
    assert np.array_equal(with_decay["norm1"]["weight"], without["norm1"]["weight"])
    settings = Settings(epochs=1, batch_size=32, optimizer="adam", rate=0.01, schedule="constant", warm_up=0.0, weight_decay=0.0)
    plain = train(task, State(network), settings, lambda state: None).network.parameters["conv1"]
    drawn = train(task, State(network), dataclasses.replace(settings, weight_decay=1.0), lambda state: None).network.parameters["conv1"]
    assert drawn["weight"] == pytest.approx(plain["weight"] - 0.01 * network.parameters["conv1"]["weight"], abs=1e-6)
    assert np.array_equal(drawn["bias"], plain["bias"])


def test_schedules():
    assert [rate_share("cosine", step, 100, 0.0) for step in (0, 50, 100)] == pytest.approx([1, 0.5, 0])
    assert [rate_share("step", step, 100, 0.0) for step in (0, 49, 50, 75)] == pytest.approx([1, 1, 0.1, 0.01])
    assert [rate_share("constant", step, 100, 0.1) for step in (0, 4, 9, 99)] == pytest.approx([0.1, 0.5, 1, 1])
    assert rate_share("cosine", 0, 1, 0.05) == 1, "a training of one step makes a whole step"


def test_augmentation(generator):
    x = generator.standard_normal((50, 6, 9, 2))
    assert np.array_equal(augmented(x, generator, flip=False, crop=0, cutout=0), x)
    flipped = augmented(x, generator, flip=True, crop=0, cutout=0)
    mirrored = [np.array_equal(a, b[:, ::-1]) for a, b in zip(flipped, x)]
    assert 10 < sum(mirrored) < 40 and all(m or np.array_equal(a, b) for m, a, b in zip(mirrored, flipped, x))
    shifted = augmented(x, np.random.default_rng(1), flip=False, crop=2, cutout=0)
    places = set()
    for a, b in zip(shifted, np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))):
        found = [(i, j) for i in range(5) for j in range(5) if np.array_equal(a, b[i : i + 6, j : j + 9])]
        assert len(found) == 1
        places |= set(found)
    assert len(places) > 15
    hidden = augmented(x, np.random.default_rng(1), flip=False, crop=0, cutout=3)
    masks = (hidden == 0).all(axis=3)
    assert np.array_equal(hidden, np.where(masks[..., None], 0, x))
    for mask in masks:  # one rectangle, 3 x 3 unless it reaches beyond the border
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == len(rows) * len(columns) and 2 <= len(rows) <= 3 and 2 <= len(columns) <= 3
    assert len({mask.tobytes() for mask in masks}) > 25 and masks.any(axis=0).all()


def test_a_shift_beyond_the_photo(task):
    with pytest.raises(MinicnnError, match="expected 0 to 10"):
        dataclasses.replace(task, crop=11)


def test_memory_is_bounded_by_the_batch(tmp_path):
    """100 MB of photos, which take a few MB."""
    np.savez(tmp_path / "a.npz", images=np.zeros((2000, 128, 128, 3), np.uint8), labels=np.arange(2000) % 2)
    from minicnn.training import read_dataset

    tracemalloc.start()
    dataset = read_dataset(tmp_path / "a.npz")
    task = PhotoTask(dataset, np.arange(2000), np.arange(0), PREPROCESSING["torch"], (128, 128))
    network = minicnn.he_initialized(
        minicnn.Network({"pool": MaxPool2D(64), "flatten": Flatten(), "fc": Dense(np.zeros((12, 2)), np.zeros(2))})
    )
    train(task, State(network), Settings(epochs=1, batch_size=4, rate=0.001), lambda state: None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
