"""The random numbers of an episode: a function of the seed, the episode and the step, whoever acts."""

import numpy as np

#: steps of which noise is drawn at a time
BLOCK = 128
_MASK = 2**64 - 1


def noise_of(seed: int, episode: int, kind: str, width: int, n_steps: int) -> np.ndarray:
    """
    Philox with the key (seed, e) and the block of steps as counter (Salmon et al. 2011), so that any block can be made
    without those before it.

    :param seed: the objective's
    :param episode: e
    :param kind: ``"normal"`` or ``"uniform"``
    :param width: numbers a step
    :param n_steps: how many steps, from the first
    :return: shape (n_steps, width), float32 if normal, else float64 in [0, 1)
    """
    blocks = [_block(seed, episode, kind, width, number) for number in range(-(-n_steps // BLOCK))]
    return np.concatenate(blocks)[:n_steps] if blocks else np.empty((0, width), np.float32)


def _block(seed: int, episode: int, kind: str, width: int, number: int) -> np.ndarray:
    bits = np.random.Philox(key=[seed & _MASK, episode & _MASK], counter=[0, 0, number, 0])
    generator = np.random.Generator(bits)
    if kind == "normal":
        return generator.standard_normal((BLOCK, width), dtype=np.float32)
    return generator.random((BLOCK, width))


class Noise:
    """
    The noise of n episodes, drawn as far as some candidate has come.

    :param seed: the objective's
    :param episodes: their numbers, shape (n,)
    :param kind: ``"normal"`` or ``"uniform"``
    :param width: numbers a step
    """

    def __init__(self, seed: int, episodes: np.ndarray, kind: str, width: int):
        self.seed, self.episodes, self.kind, self.width = seed, episodes.tolist(), kind, width
        dtype = np.float32 if kind == "normal" else np.float64
        self._drawn = np.empty((len(self.episodes), 0, width), dtype)

    def at(self, columns: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """
        :param columns: which of the episodes, any shape
        :param steps: their steps, from 0, of the same shape
        :return: the noise of each, of this shape and (width,)
        """
        if not self.width:
            return np.empty((*columns.shape, 0), self._drawn.dtype)
        while int(steps.max()) >= self._drawn.shape[1]:
            self._draw()
        drawn: np.ndarray = self._drawn[columns, steps]
        return drawn

    def _draw(self) -> None:
        """Twice as many blocks as there were, so that in all each is copied once."""
        n_blocks = self._drawn.shape[1] // BLOCK
        more = [
            [_block(self.seed, episode, self.kind, self.width, number) for episode in self.episodes]
            for number in range(n_blocks, max(1, 2 * n_blocks))
        ]
        self._drawn = np.concatenate([self._drawn, *map(np.stack, more)], axis=1)
