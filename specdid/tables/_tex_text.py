"""Plain text as LaTeX that prints it, and which characters pdfLaTeX cannot print."""

from __future__ import annotations

_GREEK = dict(zip(
    "αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΦΨΩ",
    (
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
        "mu", "nu", "xi", "pi", "rho", "sigma", "varsigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
        "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
    ),
    strict=True,
))  # fmt: skip
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-", strict=True))
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\`{}", "−": "$-$", "×": r"$\times$",
    "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$", "≈": r"$\approx$", "√": r"$\surd$", "±": r"$\pm$",
    "∞": r"$\infty$", "→": r"$\rightarrow$", "–": "--", "—": "---", "“": "``", "”": "''", "’": "'",
    "‘": "`", "…": r"\dots{}", "·": r"$\cdot$", "[": "{[}", "]": "{]}", "∆": r"$\Delta$", "µ": r"$\mu$",
    "°": r"$^\circ$", "½": r"$\frac12$",
    **{letter: rf"$\{name}$" for letter, name in _GREEK.items()},
    **{c: f"$_{d}$" for c, d in _LOWERED.items()},
    **{c: f"$^{d}$" for c, d in _RAISED.items()},
}  # fmt: skip
_LIGATURES = ("--", "''", ",,", "?`", "!`")
_LATIN = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŁłŒœŠšŽžĆćČčŃńŇňŘřŚśŞşŹźŻżĞğİıŐőŰűĎďĚěŤťŮů¡¿£§¶©"
)


def escape(text: str) -> str:
    """Write plain text so that LaTeX prints it as it is."""
    found, before = [], ""
    for c in " ".join(text.split()):
        if c.isprintable():
            found.append("{}" if before + c in _LIGATURES else "")
            found.append(_SPECIAL.get(c, c))
            before = c
    return "".join(found)


def wants_unicode(text: str) -> bool:
    """Say whether a text, escaped or not, has characters that only XeLaTeX and LuaLaTeX can print."""
    return any(not (c.isascii() or c in _LATIN or c in _SPECIAL) for c in set(text) if c.isprintable())
