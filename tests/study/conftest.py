import pytest
from read_studies import CONTRACT, study_of


@pytest.fixture
def study(tmp_path):
    return study_of(CONTRACT, tmp_path)
