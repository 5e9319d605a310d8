"""What is written on a figure."""

from matplotlib.figure import Figure
from matplotlib.text import Text


def texts_of(figure: Figure) -> list[str]:
    """Give all texts of the figure that are not empty."""
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]
