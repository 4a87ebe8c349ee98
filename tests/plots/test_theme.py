"""Colours that can be read and told apart."""

import numpy as np
import pytest

from sb3_entropy.plots.theme import THEMES


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first, second):
    """WCAG 2.2's ratio of relative luminances."""
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_text_has_contrast(theme):
    for colour in (theme.ink, theme.faint, *theme.labels, *theme.outcomes.values()):
        assert contrast(colour, theme.ground) >= 4.5, colour
    for colour in theme.marks:
        assert contrast(colour, theme.ground) >= 2.2, colour
    assert set(theme.outcomes) == {"supported", "refuted", "undecided"}


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_the_colours_begin_anew_after_the_last(theme):
    assert len(theme.marks) == len(theme.labels) == len(set(theme.marks))
    assert theme.mark(7) == theme.mark(0)
    assert theme.label(8) == theme.label(1)
