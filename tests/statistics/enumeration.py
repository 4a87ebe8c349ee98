"""Every bootstrap sample there is, each as likely as the others: what resampling only approaches."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np


def samples(scores: np.ndarray) -> Iterator[np.ndarray]:
    """
    :param scores: shape (n, K)
    :return: the n^(n K) stratified bootstrap samples
    """
    runs, tasks = scores.shape
    columns = [
        [scores[list(drawn), task] for drawn in itertools.product(range(runs), repeat=runs)] for task in range(tasks)
    ]
    for chosen in itertools.product(*columns):
        yield np.stack(chosen, axis=1)


def distribution(scores: np.ndarray, statistic: Callable[[np.ndarray], float]) -> np.ndarray:
    """
    :param scores: shape (n, K)
    :param statistic: of one sample
    :return: its values over all samples, ascending
    """
    return np.sort([statistic(sample) for sample in samples(scores)])


def brackets(values: np.ndarray, share: float, replicates: int, sigmas: float = 4.5) -> tuple[float, float]:
    """
    Where the quantile of B random values lies: outside with a probability of 7·10⁻⁶ at 4.5 standard deviations of the
    binomial share.

    :param values: all of them, ascending
    :param share: of the quantile
    :param replicates: B
    :param sigmas: how far
    :return: the least and the greatest that is to be expected
    """
    spread = sigmas * np.sqrt(share * (1 - share) / replicates) + 1 / replicates
    low, high = np.clip([share - spread, share + spread], 0, 1)
    last = len(values) - 1
    return float(values[int(np.floor(low * last))]), float(values[int(np.ceil(high * last))])
