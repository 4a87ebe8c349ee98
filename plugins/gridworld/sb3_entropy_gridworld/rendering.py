"""How the grid looks, as text and as an image."""

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_gridworld.model import Cell

_PIXELS = 48

_LINE = (205, 205, 205)
_FLOOR = (250, 250, 250)
_BEST = (240, 180, 40)
_PAID = (250, 222, 150)
_FINED = (225, 110, 100)
_AGENT = (45, 95, 170)


def ansi(size: int, goals: dict[Cell, float], agent: Cell | None) -> str:
    """
    The grid as text: ``A`` the agent, a number what leaving that goal pays, ``.`` any other cell.

    :param size: side of the grid
    :param goals: reward of each goal
    :param agent: the agent's cell; ``None`` once it has left
    :return: one line a row
    """
    text = {cell: f"{reward:g}" for cell, reward in goals.items()}
    if agent is not None:
        text[agent] = "A"
    width = max(map(len, text.values()), default=1)
    return "\n".join(
        " ".join(text.get((row, column), ".").rjust(width) for column in range(size)) for row in range(size)
    )


def image(size: int, goals: dict[Cell, float], agent: Cell | None) -> NDArray[np.uint8]:
    """
    The grid as an image: the agent a blue disc, the best goal gold, other goals pale, or red if they cost.

    :param size: side of the grid
    :param goals: reward of each goal
    :param agent: the agent's cell; ``None`` once it has left
    :return: shape (48·size, 48·size, 3)
    """
    frame = np.full((size * _PIXELS, size * _PIXELS, 3), _FLOOR, dtype=np.uint8)
    best = max(goals.values())
    for (row, column), reward in goals.items():
        colour = _FINED if reward < 0 else _BEST if reward == best else _PAID
        frame[row * _PIXELS : (row + 1) * _PIXELS, column * _PIXELS : (column + 1) * _PIXELS] = colour
    edges = np.arange(size + 1) * _PIXELS
    lines = np.unique(np.clip(np.concatenate([edges - 1, edges]), 0, size * _PIXELS - 1))
    frame[lines] = _LINE
    frame[:, lines] = _LINE
    if agent is not None:
        y, x = np.ogrid[: size * _PIXELS, : size * _PIXELS]
        middle = (_PIXELS - 1) / 2
        distance = np.hypot(y - (agent[0] * _PIXELS + middle), x - (agent[1] * _PIXELS + middle))
        cover = np.clip(0.32 * _PIXELS - distance + 0.5, 0.0, 1.0)[..., None]  # soft edge of one pixel
        frame = np.rint(cover * np.array(_AGENT) + (1.0 - cover) * frame).astype(np.uint8)
    return frame
