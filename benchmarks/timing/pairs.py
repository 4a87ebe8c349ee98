"""Two contestants, timed in turn."""

import gc
import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from benchmarks.timing.cells import Cell

#: A contestant: a function that gets a seed, prepares a run untimed, and returns the run that is to be timed.
Contestant = Callable[[int], Callable[[], object]]


@dataclass
class Rounds:
    """
    The times of all rounds.

    :param wall: seconds by the clock on the wall, a list a contestant
    :param cpu: seconds of processor time, which others on the machine disturb less
    """

    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def ratios(self, over: str, under: str, clock: str = "wall") -> list[float]:
        """
        :param over: a contestant
        :param under: another one
        :param clock: ``"wall"`` or ``"cpu"``
        :return: the ratio of their times in each round
        """
        times = getattr(self, clock)
        return [a / b for a, b in zip(times[over], times[under], strict=True)]


def orders(names: list[str], generator: random.Random) -> Iterator[list[str]]:
    """
    The order of the contestants in each round: a random one, then its reverse, so that every second round drift and
    what one leaves behind for the next have cancelled (A B, B A).

    :param names: of the contestants
    :param generator: of the random orders
    """
    while True:
        order = generator.sample(names, len(names))
        yield order
        yield order[::-1]


def time_rounds(contestants: dict[str, Contestant], rounds: int, seed: int = 0) -> Rounds:
    """
    Time every contestant once a round, after one untimed round.

    All have the same seed in a round and another one in the next. Garbage is collected before each run, not in it.

    :param contestants: by name
    :param rounds: how many
    :param seed: of the orders, and of the first round
    :return: the times
    """
    times = Rounds({name: [] for name in contestants}, {name: [] for name in contestants})
    for contestant in contestants.values():
        contestant(seed)()
    turns = orders(list(contestants), random.Random(seed))
    for number, order in enumerate(itertools.islice(turns, rounds), start=1):
        for name in order:
            wall, cpu = _time(contestants[name](seed + number))
            times.wall[name].append(wall)
            times.cpu[name].append(cpu)
    return times


def _time(run: Callable[[], object]) -> tuple[float, float]:
    gc.collect()
    gc.disable()
    try:
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        return time.perf_counter() - wall, time.process_time() - cpu
    finally:
        gc.enable()


def time_cell(cell: Cell, rounds: int, control: bool = True) -> Rounds:
    """
    Time ours, theirs and, as a control, theirs again. Environments and models are made outside the timed part.

    :param cell: what is compared
    :param rounds: how many pairs
    :param control: whether the parent takes part twice: the second one's ratio to the first is noise alone
    :return: the times of ``"ours"``, ``"parent"`` and ``"control"``
    """
    env = cell.run(ours=True).make_env()

    def contestant(ours: bool) -> Contestant:
        run = cell.run(ours, general=True)

        def prepare(seed: int) -> Callable[[], object]:
            model = run.make_model(env, seed)
            return lambda: model.learn(run.steps)

        return prepare

    contestants = {"ours": contestant(True), "parent": contestant(False)}
    if control:
        contestants["control"] = contestant(False)
    times = time_rounds(contestants, rounds)
    env.close()
    return times
