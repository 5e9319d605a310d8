import re

import pytest
import specdid
from specdid._example import write_starter


def test_starter_is_a_spec_beside_its_panel(tmp_path):
    spec, data, _ = write_starter(tmp_path / "new" / "study", "{}")

    assert 'data  = "smart_city.csv"' in spec.read_text("utf-8")
    assert len(data.read_text("utf-8").splitlines()) == 2731


def test_starter_overwrites_nothing(tmp_path):
    (tmp_path / "smart_city.csv").write_text("mine", "utf-8")

    with pytest.raises(FileExistsError) as caught:
        write_starter(tmp_path, "{}")

    assert caught.value.filename == str(tmp_path / "smart_city.csv")
    assert not list(tmp_path.glob("*.toml"))
    assert (tmp_path / "smart_city.csv").read_text("utf-8") == "mine"


def test_every_column_of_the_panel_is_described(tmp_path):
    spec, data, _ = write_starter(tmp_path, "{}")

    head = spec.read_text("utf-8").split("[study]")[0]
    for name in data.read_text("utf-8").splitlines()[0].split(","):
        assert re.search(rf"\b{name}\b", head), name


def test_what_is_commented_out_is_without_fault_too(tmp_path):
    spec, *_ = write_starter(tmp_path, "{}")
    text, more = spec.read_text("utf-8").split("# More, where you want it")
    plain = specdid.plan(spec)
    assert len(specdid.check(spec)) == 0

    spec.write_text(text + "\n".join(line[2:] for line in more.splitlines()[1:]), "utf-8")

    # Samples that move with the assignment are fitted again in fewer draws than are asked for.
    assert [f.code for f in specdid.check(spec)] == ["fewer_draws"]
    plan = specdid.plan(spec)
    assert [d.name for d in plan.dimensions][-1] == "winsorizing"
    assert len(plan) == 4 * len(plain)
    assert plan.study.inference.null == ("wild", "permutation")
    assert [a.kind for a in plan.study.analyses] == ["event_study"]
