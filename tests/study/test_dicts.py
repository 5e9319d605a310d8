"""A study from a dict: the same as from a file, and wrong ones named by their path."""

import dataclasses
from pathlib import Path

import pytest
import tomli
from read_studies import CONTRACT
from specdid._decode import read_study


def test_a_dict_says_the_same_as_a_file(study):
    of_dict, faults = read_study(tomli.loads(CONTRACT))
    assert not faults
    assert of_dict.document is None
    assert of_dict.data == Path("data/smart_city.csv")
    for field in ("outcome", "treatment", "controls", "sample", "variants", "exclude", "preferred", "vcov"):
        assert content(getattr(of_dict, field)) == content(getattr(study, field))


def content(value):
    """A record without places."""
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value) if "origin" not in f.name]
        return {name: content(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [content(one) for one in value]
    if isinstance(value, dict):
        return {key: content(one) for key, one in value.items()}
    return value


BOTH = {"outcome": "y", "treatment": "d"}


@pytest.mark.parametrize(
    ("mapping", "path", "code"),
    [
        ({"study": {**BOTH, 3: "x"}}, "study", "wrong_type"),
        ({"study": {**BOTH, "outcome": ["y"]}}, "study.outcome", "wrong_type"),
        ({"study": {**BOTH, "data": object()}}, "study.data", "wrong_type"),
        ({"study": BOTH, "controls": {"a": None}}, 'controls."a"', "wrong_type"),
        ({"study": {**BOTH, "seed": float("nan")}}, "study.seed", "wrong_type"),
        ({"study": BOTH, "inference": {"alpha": float("inf")}}, "inference.alpha", "wrong_type"),
        ({}, "", "missing_study"),
    ],
)
def test_a_dict_that_is_wrong_is_named_by_its_path(mapping, path, code):
    from specdid._diagnostics import written_path

    _, faults = read_study(mapping)
    assert (written_path(faults[0].path), faults[0].code) == (path, code)
    assert faults[0].place is None


def test_a_dict_may_hold_what_python_has(tmp_path):
    import numpy as np

    mapping = {
        "study": {
            "outcome": "y",
            "treatment": "d",
            "data": tmp_path / "p.csv",
            "seed": np.int64(3),
            "one_at_a_time": ("sample",),
        },
        "inference": {"alpha": np.float64(0.1)},
    }
    study, faults = read_study(mapping)
    assert not faults
    assert (study.data, study.seed, study.inference.alpha) == (tmp_path / "p.csv", 3, 0.1)
    assert study.one_at_a_time[0][0] == "sample"


def test_a_dict_that_holds_itself():
    mapping = {"study": {"outcome": "y", "treatment": "d"}}
    mapping["controls"] = mapping
    _, faults = read_study(mapping)
    assert "too_large" in {f.code for f in faults}


def test_neither_path_nor_dict():
    with pytest.raises(TypeError, match="a path or a dict, not int"):
        read_study(3)
