"""How many examples Hypothesis tries of a property."""

import os


def examples(count: int) -> int:
    """Return a third of ``count``, and all with SPECDID_EVERY_EXAMPLE=1, which .ci/matrix sets beside a seed.

    Without a seed the examples are the same in every run, so that more of them find nothing new.
    """
    return count if os.environ.get("SPECDID_EVERY_EXAMPLE") else max(count // 3, min(count, 6))
