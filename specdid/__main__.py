"""``python -m specdid``, which puts the working directory first on the path: what is there is not imported."""

import sys
from pathlib import Path

if not sys.flags.safe_path and sys.path[:1] == [str(Path.cwd())]:
    del sys.path[0]

from specdid._cli import main

if __name__ == "__main__":
    main()
