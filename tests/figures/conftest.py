from pathlib import Path

import matplotlib as mpl
import pytest
from specdid.figures import _fonts


@pytest.fixture
def dejavu(monkeypatch):
    """No font but the DejaVu Sans that matplotlib brings: what fits where is the same on every machine."""
    path = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    monkeypatch.setattr(_fonts, "_installed", lambda: {"DejaVu Sans": str(path)})
