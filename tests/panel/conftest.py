import pytest
from specdid.panel.files import read_columns


@pytest.fixture
def read(tmp_path):
    def _read(name, content, columns=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_columns(path, name, columns and (lambda names: columns))

    return _read
