"""Songs for a listener's genres (Starnes, Dereventsov, Webster 2023, arXiv 2310.05324; facts from its code)."""

from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_number
from sb3_entropy_bandits.data.spotify import SpotifyData
from sb3_entropy_bandits.tasks.observers import FeatureObserver
from sb3_entropy_bandits.tasks.task import Contexts, Task, cumulative

MOST_GENRES = 4
DEAD_ZONE = 0.1
N_TEST = 10_000
TEST_SEED = 2023


def spotify_task(data: SpotifyData) -> Task:
    """
    A context is a listener's set of genres as ones among zeros, s ∈ {0, 1}^g. Their number is k = int(20u) with
    u ~ U[.05, .25), so 1, 2, 3 or 4 with probability ¼ each; which they are is uniform. An action is a track. With the
    mean features of each genre's tracks in the rows of G, and the tracks' own in those of T,

        R = (G − Ḡ)(T − T̄)ᵀ,     r(s, a) = sign(sᵀR[:, a]), but 0 where |sᵀR[:, a]| ≤ 0.1.

    There are so few contexts, 6195 of 20 genres, that all are listed with their rewards. The test contexts are 10 000
    draws with a seed of their own, the same for everybody.

    :param data: genres G, shape (g, d), and tracks T, shape (A, d)
    :return: the task; its action features are T
    :raises ValueError: if there are fewer than 4 genres, so many that their sets cannot be listed, or a single track
    """
    check_number("The number of genres", len(data.genres), low=MOST_GENRES, high=64, integer=True)
    check_number("The number of tracks", len(data.tracks), low=2, integer=True)
    contexts, probabilities = listeners(len(data.genres))
    scores = contexts @ match(data.genres, data.tracks)
    everyone = Contexts(contexts, np.arange(len(contexts)), cumulative(probabilities))
    tested = everyone.draw(np.random.default_rng(TEST_SEED), N_TEST)
    return Task(
        name="spotify",
        train=everyone,
        test=Contexts(contexts[tested], tested),
        rewards=np.where(np.abs(scores) > DEAD_ZONE, np.sign(scores), 0.0),
        observer=FeatureObserver(len(data.genres), 0.0, 1.0),
        action_features=data.tracks,
    )


@lru_cache(maxsize=4)
def listeners(n_genres: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """
    :param n_genres: g, at least 4
    :return: all sets of 1 to 4 genres, shape (M, g), and the probability 1/(4·C(g, k)) of each, shape (M,); read-only,
        and made once
    """
    sets = [chosen for k in range(1, MOST_GENRES + 1) for chosen in combinations(range(n_genres), k)]
    contexts = np.zeros((len(sets), n_genres), dtype=np.float32)
    for context, chosen in zip(contexts, sets, strict=True):
        context[list(chosen)] = 1.0
    probabilities = np.array([1.0 / (MOST_GENRES * comb(n_genres, len(chosen))) for chosen in sets])
    for array in (contexts, probabilities):
        array.flags.writeable = False
    return contexts, probabilities


def match(genres: NDArray[np.float64], tracks: NDArray[np.float64]) -> NDArray[np.float64]:
    """:return: R = (G − Ḡ)(T − T̄)ᵀ with the mean rows Ḡ and T̄, shape (g, A)"""
    scores: NDArray[np.float64] = (genres - genres.mean(axis=0)) @ (tracks - tracks.mean(axis=0)).T
    return scores
