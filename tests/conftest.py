import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parent / "helpers"
sys.path.insert(0, str(HELPERS))
# A failed assert of a helper says its values, as one of a test does.
pytest.register_assert_rewrite(*sorted(path.stem for path in HELPERS.glob("*.py")))
