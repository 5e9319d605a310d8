"""Fonts and texts: glyphs of other scripts, labels that are no mathematics, texts cut to their room."""

import logging
import warnings

import pytest
from curves import plan_of, results_of
from figure_samples import samples
from figure_texts import texts_of
from specdid import _plugins
from specdid._words import speaking
from specdid.figures import _fonts
from specdid.figures._fonts import dense, fonts_for
from specdid.figures._page import Page
from specdid.figures._panes import doubt_lines
from specdid.figures._style import DENSE, QUIET, SMALL, TEXT, blend, own_style, save
from specdid.figures.spec_curve import plot

CHINESE = {"样本": ["全部城市", "剔除直辖市"], "缩尾处理": ["否", "1%"]}


def test_labels_are_text_and_never_mathematics(tmp_path):
    planned = plan_of({"sample": ["cost in $ of $2010", r"$\frac{1}{0}$"]})
    figure = plot(results_of(planned))
    assert {"cost in $ of $2010", r"$\frac{1}{0}$"} <= set(texts_of(figure))
    save(figure, tmp_path, "curve", ["svg"])


def without(monkeypatch, *kept):
    installed = {k: v for k, v in _fonts._installed().items() if k in kept}
    monkeypatch.setattr(_fonts, "_installed", lambda: installed)


def test_missing_glyphs_are_named(monkeypatch, tmp_path):
    without(monkeypatch, "DejaVu Sans")
    results = results_of(plan_of(CHINESE))
    with pytest.warns(UserWarning, match="no installed font can write 1?.*全.*fonts-noto-cjk"):
        figure = plot(results)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(figure, tmp_path, "curve", ["png", "pdf", "svg"])


def test_chinese_falls_back_through_installed_fonts(monkeypatch):
    without(monkeypatch, "DejaVu Sans", "Far Font", "SimHei")
    installed = {"DejaVu Sans": "dejavu", "SimHei": "hei", "Far Font": "far"}
    glyphs = {"dejavu": set(map(ord, "abc")), "hei": set(map(ord, "城市")), "far": set(map(ord, "城ж"))}
    monkeypatch.setattr(_fonts, "_installed", lambda: installed)
    monkeypatch.setattr(_fonts, "_characters", glyphs.__getitem__)
    assert fonts_for(["abc"]).families == ("DejaVu Sans",)
    assert fonts_for(["a城市"]) == _fonts.Fonts(("DejaVu Sans", "SimHei"))
    assert fonts_for(["市ж"]) == _fonts.Fonts(("DejaVu Sans", "SimHei", "Far Font"))
    assert fonts_for(["龘城"]).missing == "龘"


@pytest.mark.skipif(bool(fonts_for(["城市"]).missing), reason="no font for Chinese is installed")
def test_chinese_is_written_with_the_glyphs_of_an_installed_font(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot(results_of(plan_of(CHINESE, title="智慧城市试点")))
        paths = save(figure, tmp_path, "curve", ["pdf", "svg"])
    pdf = paths[0].read_bytes()
    family = next(f for f in fonts_for(["城市"]).families if f not in _fonts._TEXT)
    if _fonts.postscript_outlines([family]):
        assert b"/Type3" in pdf
        assert b"/CIDFontType2" not in pdf


@pytest.mark.skipif(bool(fonts_for(["城市"]).missing), reason="no font for Chinese is installed")
def test_a_font_without_a_bold_face_is_no_news_to_the_user(tmp_path, caplog):
    _fonts._advances.cache_clear()
    figure = plot(results_of(plan_of(CHINESE, title="智慧城市试点")))
    save(figure, tmp_path, "curve", ["png"])
    assert not [r for r in caplog.records if r.name == "matplotlib.font_manager"]
    assert logging.getLogger("matplotlib.font_manager").level == logging.NOTSET


@pytest.mark.parametrize(("head", "postscript"), [(b"OTTO", True), (b"\0\1\0\0", False)])
def test_outlines_are_read_from_the_file_also_in_a_collection(tmp_path, monkeypatch, head, postscript):
    (tmp_path / "one.otf").write_bytes(head + bytes(8))
    (tmp_path / "many.ttc").write_bytes(b"ttcf" + bytes(8) + (16).to_bytes(4, "big") + head)
    for name in ("one.otf", "many.ttc"):
        monkeypatch.setattr(_fonts, "_installed", lambda name=name: {"F": str(tmp_path / name)})
        assert _fonts.postscript_outlines(["F"]) is postscript


def test_long_texts_are_cut_to_their_room():
    fonts = fonts_for([])
    cut = fonts.fit("all prefecture-level cities except municipalities", TEXT, 80)
    assert cut.endswith("…")
    assert 60 < fonts.width(cut, TEXT) <= 80
    assert fonts.fit("short", TEXT, 80) == "short"
    assert fonts.first_fit(["much too long for so little room", "short"], SMALL, 40) == "short"


def test_blend_goes_from_white_to_the_colour():
    assert blend("#000000", 0) == (1, 1, 1)
    assert blend("#000000", 1) == (0, 0, 0)


def test_what_libraries_say_of_fonts_is_kept_from_the_screen_while_drawing():
    loggers = [logging.getLogger(name) for name in ("fontTools.subset", "matplotlib.font_manager")]
    before = [logger.isEnabledFor(logging.WARNING) for logger in loggers]
    with own_style():
        assert [logger.isEnabledFor(logging.WARNING) for logger in loggers] == [False, False]
    assert [logger.isEnabledFor(logging.WARNING) for logger in loggers] == before


@pytest.mark.skipif(bool(fonts_for(["城市"]).missing), reason="no font for Chinese is installed")
def test_quiet_texts_in_chinese_are_darker_than_those_in_letters():
    with speaking("zh"):
        figure = plot(results_of(plan_of(CHINESE)))
    colours = {dense(t.get_text()): t.get_color() for t in figure.texts if t.get_color() in (QUIET, DENSE[QUIET])}
    assert colours == {False: QUIET, True: DENSE[QUIET]}


@pytest.mark.skipif(bool(fonts_for(["城市"]).missing), reason="no font for Chinese is installed")
@pytest.mark.parametrize("bare", [True, False])
def test_chinese_without_a_bold_face_has_no_bold_letters_in_it(monkeypatch, bare):
    """Digits and Latin stood out by chance."""
    monkeypatch.setattr(_fonts, "_lacks_bold", lambda families, character: bare)
    page = Page.new(fonts_for(["城市 GDP"]), 200.0, 50.0)
    for text, bold in (("城市 GDP", True), ("GDP", True), ("城市", False)):
        page.text(2, 10, text, bold=bold)
    assert [t.get_weight() for t in page.figure.texts] == ["normal" if bare else "bold", "bold", "normal"]


@pytest.mark.skipif(bool(fonts_for(["城市"]).missing), reason="no font for Chinese is installed")
def test_the_sign_of_a_serious_warning_is_as_wide_as_the_chinese_behind_it():
    with speaking("zh"):
        assert doubt_lines("效应", "", fonts_for(["效应！"]), 400.0) == ["！效应"]


@pytest.mark.skipif(bool(fonts_for(["城市"]).missing), reason="no font for Chinese is installed")
@pytest.mark.parametrize("kind", ["spec_curve", "event_study"])
def test_numbers_and_chinese_on_one_line_have_one_ink(kind):
    """An F test was paler than the Chinese beside it."""
    with speaking("zh"):
        figure = _plugins.load("figures", kind).draw(samples(kind)[0][1])
    lines = {}
    for text in figure.texts:
        if text.get_color() in (QUIET, DENSE[QUIET]) and text.get_horizontalalignment() == "left":
            lines.setdefault(round(text.get_position()[1], 5), []).append(text)
    keys = [line for line in lines.values() if len(line) > 1 and any(dense(t.get_text()) for t in line)]
    assert keys
    for line in keys:
        assert {t.get_color() for t in line} == {DENSE[QUIET]}, [t.get_text() for t in line]
