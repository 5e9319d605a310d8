import pytest
from specdid._example import write_starter


def test_starter_is_a_spec_beside_its_panel(tmp_path):
    spec, data = write_starter(tmp_path / "new" / "study")

    assert 'data  = "smart_city.csv"' in spec.read_text("utf-8")
    assert len(data.read_text("utf-8").splitlines()) == 2731


def test_starter_overwrites_nothing(tmp_path):
    (tmp_path / "smart_city.csv").write_text("mine", "utf-8")

    with pytest.raises(FileExistsError) as caught:
        write_starter(tmp_path)

    assert caught.value.filename == str(tmp_path / "smart_city.csv")
    assert not (tmp_path / "smart_city.toml").exists()
    assert (tmp_path / "smart_city.csv").read_text("utf-8") == "mine"
