"""A figure's options are refused before anything is run."""

from typing import Literal

import pytest

from sb3_entropy.plots.options import check_options
from sb3_entropy.registry import FIGURES

KNOWN = {"measure": ["final_return"], "x": ["ent_coef"]}


@pytest.mark.parametrize(
    ("figure", "options"),
    [
        ("learning_curves", {}),
        ("learning_curves", {"curve": "policy/entropy", "statistic": None, "runs": True, "facet": ["gamma"]}),
        ("scores", {"measure": "final_return", "statistic": "iqm"}),
        ("response", {"x": "ent_coef", "measure": None, "scale": "log"}),
        ("differences", {"criteria": ["a", "b"], "also": False}),
    ],
)
def test_what_is_allowed(figure, options):
    check_options(figure, options, KNOWN)


@pytest.mark.parametrize(
    ("figure", "options", "error", "message"),
    [
        ("curve", {}, ValueError, r"Unknown figure 'curve'"),
        (
            "scores",
            {"mesure": "a"},
            ValueError,
            r"Unknown option of figure='scores' 'mesure'.*Did you mean 'measure'",
        ),
        (
            "scores",
            {"statistic": "mode"},
            ValueError,
            r"Unknown value of the option 'statistic' of the figure 'scores' 'mode'.*iqm, mean, median",
        ),
        (
            "scores",
            {"measure": 3},
            TypeError,
            r"option 'measure' of the figure 'scores' must be a text, but 3 was given",
        ),
        ("scores", {"measure": "entropy"}, ValueError, r"Unknown measure in the figure 'scores' 'entropy'"),
        ("response", {"x": "gamma"}, ValueError, r"Unknown x in the figure 'response' 'gamma'. Available: ent_coef"),
        ("learning_curves", {"runs": "yes"}, TypeError, r"must be true or false, but 'yes' was given"),
        ("learning_curves", {"facet": "gamma"}, TypeError, r"must be a list of texts, but 'gamma' was given"),
        ("learning_curves", {"curve": None}, TypeError, r"must be a text, but None was given"),
    ],
)
def test_what_is_not(figure, options, error, message):
    with pytest.raises(error, match=message):
        check_options(figure, options, KNOWN)


def test_anothers_figure(monkeypatch):
    def draw(data, theme, *, bins: int | Literal["auto"], bold: bool = False):
        return None

    monkeypatch.setitem(FIGURES._things, "histogram", draw)
    check_options("histogram", {"bins": 3})
    check_options("histogram", {"bins": "auto"})
    with pytest.raises(ValueError, match="needs the option 'bins'"):
        check_options("histogram", {})
    with pytest.raises(ValueError, match="Unknown value of the option 'bins'"):
        check_options("histogram", {"bins": "many"})


def test_a_figure_that_takes_anything(monkeypatch):
    def draw(data, theme, **options):
        return None

    monkeypatch.setitem(FIGURES._things, "free", draw)
    check_options("free", {"whatever": object()})
