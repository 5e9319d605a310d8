"""``python -m specdid``."""

from specdid._cli import main

if __name__ == "__main__":
    main()
