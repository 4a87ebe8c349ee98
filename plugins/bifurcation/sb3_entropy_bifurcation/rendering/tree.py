"""How the bifurcation looks."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_bifurcation.rendering.canvas import AGENT, BAD, GOOD, INK, PALE, PAPER, Canvas
from sb3_entropy_bifurcation.tree import INSIDE, OUTSIDE, PRECISE, SETTLED, START, SURE, Tree

_SIZE = (280, 420)
_NODE = 22.0
_SPOTS = {
    START: (50.0, 150.0),
    PRECISE: (175.0, 90.0),
    SURE: (175.0, 220.0),
    INSIDE: (300.0, 45.0),
    OUTSIDE: (300.0, 135.0),
    SETTLED: (300.0, 220.0),
}
_BRANCHES = ((START, PRECISE), (START, SURE), (PRECISE, INSIDE), (PRECISE, OUTSIDE), (SURE, SETTLED))


def tree_image(tree: Tree, path: Sequence[int]) -> NDArray[np.uint8]:
    """
    The states with their indices, and what the ends pay, green what is best and red what is worst. The branches that
    have been taken are thick and blue, and so is the state that has been reached.

    :param tree: the parameters
    :param path: the states of the episode so far
    :return: shape (280, 420, 3)
    """
    canvas = Canvas(*_SIZE)
    pays = {INSIDE: tree.inside, OUTSIDE: tree.outside, SETTLED: tree.sure}
    taken = set(pairwise(path))
    for branch in _BRANCHES:
        followed = branch in taken
        canvas.line(_SPOTS[branch[0]], _SPOTS[branch[1]], 7.0 if followed else 3.0, AGENT if followed else PALE)
    for state, (x, y) in _SPOTS.items():
        here = bool(path) and state == path[-1]
        canvas.disc((x, y), _NODE, AGENT if state in path else INK)
        canvas.disc((x, y), _NODE - 3.0, AGENT if here else PAPER)
        canvas.number(str(state), (x, y), 3, PAPER if here else INK)
        if state in pays:
            reward = pays[state]
            colour = GOOD if reward == max(pays.values()) else BAD if reward == min(pays.values()) else INK
            text = f"{reward:+.3g}"
            canvas.number(text, (x + 34.0 + 9.0 * len(text), y), 3, colour)
    return canvas.image()
