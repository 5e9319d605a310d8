"""The example panel: synthetic cities with known effects, for the README, the tests and ``specdid init``."""
