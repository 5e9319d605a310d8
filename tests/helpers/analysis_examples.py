"""A table of every analysis on the reference panel."""

FIX = 'fix = { sample = "batch 1" }\n'
SIZE = "at(pop, year == 2011)"
EXAMPLES = {
    "table": FIX + 'vary = ["controls"]',
    "event_study": FIX,
    "honest": FIX + "smoothness = [0, 0.05]",
    "hausman": 'controls = "pgdp + ind2"',
    "balance": "",
    "heterogeneity": FIX + f"groups = {{ small = '{SIZE} <= 350', large = '{SIZE} > 350' }}",
    "mechanism": FIX + 'moderator = "ind3"',
    "placebo": FIX + "draws = 20",
}
"""The keys of each; one that is not here runs without any."""


def table_of(kind: str, keys: str | None = None) -> str:
    """Write the table of an analysis, under a name that files and LaTeX must bear."""
    return f'[{kind}."Übung 1 & 2_%"]\n{EXAMPLES.get(kind, "") if keys is None else keys}\n'
