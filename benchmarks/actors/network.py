"""The exact means of a closed queueing network in product form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln


@dataclass(frozen=True)
class Station:
    """
    Where actors queue.

    :param name: of it
    :param demand: seconds that one actor needs there a round, on average
    :param servers: how many are served at the same time; None: all of them, so that nobody queues
    """

    name: str
    demand: float
    servers: int | None = 1


@dataclass(frozen=True)
class MeanValues:
    """
    :param throughput: rounds a second, of all actors together
    :param lengths: how many are at each station on average, with those being served
    """

    throughput: float
    lengths: dict[str, float]


def mean_values(network: Sequence[Station], n: int) -> MeanValues:
    """
    The exact means of a closed network in product form: exponential service at stations with queues in order of
    arrival, any at those that share (cores), and any where nobody queues (Baskett et al. 1975).

    With f_i(m) = D_i^m / Π_{j ≤ m} min(j, c_i), the states have probabilities Π_i f_i(m_i) / G(n), and G is the
    convolution of the f_i (Buzen 1973): X(n) = G(n − 1) / G(n), P(m at i) = f_i(m) G_{−i}(n − m) / G(n). The means are
    those of mean value analysis (Reiser and Lavenberg 1980), but no difference of near numbers is taken, and a station
    of several servers is not a case of its own. All in logarithms: G spans hundreds of decades.

    :param network: the stations
    :param n: how many go round
    :return: the throughput and the lengths of the queues
    """
    factors = {station.name: _log_factors(station, n) for station in network}
    nobody = np.where(np.arange(n + 1) == 0, 0.0, -math.inf)
    log_g = _convolve(list(factors.values()))
    lengths = {}
    for name, factor in factors.items():
        others = _convolve([other for key, other in factors.items() if key != name] or [nobody])
        probabilities = np.exp(factor + others[::-1] - log_g[n])
        lengths[name] = float(probabilities @ np.arange(n + 1))
    return MeanValues(float(np.exp(log_g[n - 1] - log_g[n])), lengths)


def _log_factors(station: Station, n: int) -> NDArray[np.float64]:
    m = np.arange(n + 1, dtype=np.float64)
    if station.servers is None:
        rates = gammaln(m + 1)
    else:
        rates = np.concatenate([[0.0], np.cumsum(np.log(np.minimum(m[1:], station.servers)))])
    logs: NDArray[np.float64] = m * math.log(station.demand) - rates
    return logs


def _convolve(logs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    total, *rest = logs
    places = np.arange(len(total))
    left = places[:, None] - places
    for factor in rest:
        # log Σ_j exp(total_j + factor_{m − j}), for all m at once
        terms = np.where(left >= 0, total + factor[left], -math.inf)
        total = np.logaddexp.reduce(terms, axis=1)
    return total
