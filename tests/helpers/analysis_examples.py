"""A table of every analysis on the reference panel."""

from specdid import _plugins

FIX = 'fix = { sample = "batch 1" }\n'
EXAMPLES = {
    "table": FIX + 'vary = ["controls"]',
    "event_study": FIX,
    "honest": FIX + "smoothness = [0, 0.05]",
    "hausman": 'fix = { controls = { formula = "pgdp + ind2" } }',
    "balance": "",
    "mechanism": FIX + 'moderator = "ind3"',
    "placebo": FIX + "draws = 20",
}
"""The keys of each; one that is not here brings its example, or runs without any."""
EXAMPLES |= {
    name: own.example for (shelf, name), own in _plugins.owned().items() if shelf == "analyses" and own.example
}


def table_of(kind: str, keys: str | None = None) -> str:
    """Write the table of an analysis, under a name that files and LaTeX must bear."""
    return f'[{kind}."Übung 1 & 2_%"]\n{EXAMPLES.get(kind, "") if keys is None else keys}\n'
