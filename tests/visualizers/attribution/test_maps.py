"""One form for all methods that draw a map."""

import numpy as np
import pytest

import minicnn
from minicnn.pictures.render import stretch
from minicnn.visualizers import REGISTRY
from minicnn.visualizers.attribution.maps import importance, run_map
from minicnn.visualizers.contract.registry import attribution_methods


def test_who_draws_maps():
    assert set(attribution_methods()) >= {"saliency", "smoothgrad", "grad-cam", "occlusion"}
    assert not {"compare", "sanity", "segment", "filters", "class-model"} & set(attribution_methods())


@pytest.mark.parametrize("name", attribution_methods())
def test_every_map_is_as_large_as_the_photo(name, small_model, x):
    model = minicnn.Model(small_model.network.astype(np.float64))
    result = run_map(name, model, model.network.trace(x), 2, seed=3)
    map_ = importance(result)
    assert map_.shape == (30, 46) and map_.dtype == np.float64 and map_.min() >= 0 and map_.any()
    expected = {key: value for key, value in REGISTRY[name].quick_options(30, 46).items() if value is not None}
    assert expected.items() <= result.source["settings"].items()


def test_signs_colors_and_grids(small_model, x):
    network = small_model.network
    raw = minicnn.saliency(network, x, 1, form="raw", prepared=True)
    assert importance(raw) == pytest.approx(np.abs(raw.values).sum(axis=2))
    signed, absolute = (minicnn.saliency(network, x, 1, form=form, prepared=True) for form in ("signed", "absolute"))
    assert np.array_equal(importance(signed), absolute.values)
    cam = minicnn.grad_cam(network, x, 1, prepared=True)
    assert importance(cam) == pytest.approx(stretch(cam.values, 30, 46))
    both = minicnn.smoothgrad(network, x, 1, samples=2, standard_error=True, prepared=True)
    assert np.array_equal(importance(both), both.values["map"])


def test_where_hiding_lowers_the_answer_most_is_most_important(small_model, x):
    result = minicnn.occlusion(small_model.network, x, 1, patch=10, stride=5, prepared=True)
    drops = result.values.max() - result.values
    assert drops.max() > 0 and importance(result) == pytest.approx(stretch(drops, 30, 46, extent=(2.5, 27.5, 2.5, 42.5)))
