import csv
import io
import json

import numpy as np
import pytest

from minicnn import Result
from minicnn.errors import OutputError
from minicnn.pictures import render
from minicnn.pictures.tables import aligned, as_csv

ROWS = [{"photo": "a, b.jpg", "area": 1 / 3}, {"photo": "c.jpg", "area": 2.0, "more": 7}]


def test_csv_keeps_every_digit_and_gap():
    read = list(csv.DictReader(io.StringIO(as_csv(ROWS))))
    assert read == [{"photo": "a, b.jpg", "area": repr(1 / 3), "more": ""}, {"photo": "c.jpg", "area": "2.0", "more": "7"}]


def test_columns_are_aligned():
    assert aligned(["name", "n"], [["a", "10"], ["longer", "9"]]) == "name     n\na       10\nlonger   9"


def test_results_save_their_table(tmp_path):
    result = Result(np.ones((3, 4)), render.Map(), "title", table=ROWS, source={"method": "some"})
    for suffix in ("csv", "json"):
        result.save(tmp_path / f"a.{suffix}")
    assert (tmp_path / "a.csv").read_text() == as_csv(ROWS)
    assert json.loads((tmp_path / "a.json").read_text()) == {"source": {"method": "some"}, "rows": ROWS}
    for suffix in ("csv", "json"):
        with pytest.raises(OutputError, match=".png, .npz, .npy$"):
            Result(np.ones((3, 4)), render.Map(), "title").save(tmp_path / f"b.{suffix}")
