"""Episodes of many candidates in lockstep, whatever steps the environments."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sb3_entropy.landscape.candidates.base import Candidates
from sb3_entropy.landscape.stepping.noise import Noise
from sb3_entropy.policies.observations import of_each

#: candidates that have finished are left out of the arithmetic when they are this share
LEFT_OUT = 0.25


@dataclass(frozen=True)
class Counting:
    """
    What is counted of an episode.

    :param max_steps: after how many steps it is cut
    :param gamma: the discount of a step; 1 for none
    :param ent_coef: τ, of the entropy that is added to each reward
    """

    max_steps: int
    gamma: float
    ent_coef: float


@dataclass(frozen=True)
class Lanes:
    """
    Who plays what: candidate c has S slots, one a lane, and the slots of a lane play the same episodes one after the
    other, each at its own pace.

    :param numbers: the episodes of each lane, S tuples, perhaps empty
    :param columns: where their results go, likewise
    """

    numbers: tuple[tuple[int, ...], ...]
    columns: tuple[tuple[int, ...], ...]

    @property
    def lengths(self) -> np.ndarray:
        """:return: how many episodes each has, shape (S,)"""
        return np.array([len(lane) for lane in self.numbers])

    def table(self, of: str) -> np.ndarray:
        """
        :param of: ``"numbers"`` or ``"columns"``
        :return: them as an array, shape (S, most + 1), filled up with 0
        """
        lanes = getattr(self, of)
        table = np.zeros((len(lanes), int(self.lengths.max()) + 1), dtype=np.int64)
        for row, lane in zip(table, lanes, strict=True):
            row[: len(lane)] = lane
        return table


@dataclass
class Stepper(ABC):
    """
    Steps environments for candidates. It is kept for its environments, which are made when they are needed; sent to
    another process it arrives without them.

    Episode e is played in lane e mod S. What a candidate computes at a step has the shape (S, …), and e has always the
    same place in it: the bits of a return depend neither on other candidates nor on other episodes.

    :param seed: of everything that is random
    :param n_lanes: S
    :param n_slots: environments at a time, at most
    """

    seed: int
    n_lanes: int
    n_slots: int
    token: str = field(default_factory=lambda: uuid.uuid4().hex, init=False)

    @property
    def n_candidates(self) -> int:
        """:return: how many candidates are played at a time"""
        return max(1, self.n_slots // self.n_lanes)

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """:return: plain data: what determines an episode's random numbers and the environment's steps"""

    @abstractmethod
    def close(self) -> None:
        """Close the environments; they are made again when they are needed."""

    @abstractmethod
    def plans(self, episodes: np.ndarray) -> Iterable[Lanes]:
        """
        :param episodes: their numbers, shape (n,)
        :return: what is played, one after the other
        """

    @abstractmethod
    def begin(self, n_candidates: int, lanes: Lanes) -> Any:
        """
        Reset the slots to the first episode of their lanes.

        :param n_candidates: C
        :param lanes: what will be played
        :return: first observations, shape (C·S, …), or a dict of such; those of empty lanes are anything
        """

    @abstractmethod
    def step(
        self, slots: np.ndarray, actions: np.ndarray, restart: np.ndarray, numbers: np.ndarray
    ) -> tuple[Any, np.ndarray, np.ndarray]:
        """
        :param slots: which go on, ascending numbers c·S + lane, shape (L,)
        :param actions: theirs, shape (L, …)
        :param restart: which of them are at the end of an episode and are reset instead, shape (L,)
        :param numbers: the episode that they are in, or go to, shape (L,)
        :return: observations, rewards, 0 for a reset, and whether the episode has ended by itself or by the
            environment's own limit, each of shape (L, …)
        """

    def play(
        self, candidates: Candidates, thetas: np.ndarray, episodes: np.ndarray, counting: Counting
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        :param candidates: what acts
        :param thetas: any number of them, shape (K, P)
        :param episodes: their numbers, shape (n,), each once
        :param counting: what is counted
        :return: returns and lengths, shape (K, n)
        """
        returns = np.empty((len(thetas), len(episodes)))
        lengths = np.empty((len(thetas), len(episodes)), dtype=np.int64)
        noise = Noise(self.seed, episodes, candidates.head.noise, candidates.head.n_noise)
        for start in range(0, len(thetas), self.n_candidates):
            part = slice(start, start + self.n_candidates)
            for lanes in self.plans(episodes):
                try:
                    game = _Game(self, candidates, thetas[part], lanes, noise, counting)
                    game.play(returns[part], lengths[part])
                except BaseException:
                    self.close()  # its environments are somewhere in the midst of episodes
                    raise
        return returns, lengths


class _Game:
    """One chunk of candidates in one plan of lanes. Arrays of shape (C, S), C those that are still in it."""

    def __init__(
        self,
        stepper: Stepper,
        candidates: Candidates,
        thetas: np.ndarray,
        lanes: Lanes,
        noise: Noise,
        counting: Counting,
    ):
        self.stepper, self.candidates, self.noise, self.counting = stepper, candidates, noise, counting
        self.stack = candidates.networks.stack(thetas)
        n, n_lanes = len(thetas), stepper.n_lanes
        self.observations = of_each(lambda a: a.reshape(n, n_lanes, *a.shape[1:]), stepper.begin(n, lanes))
        self.columns, self.numbers = lanes.table("columns"), lanes.table("numbers")
        self.n_episodes, self.lane = lanes.lengths, np.arange(n_lanes)
        #: which of the chunk is in each row
        self.rows = np.arange(n)
        self.live = np.broadcast_to(self.n_episodes > 0, (n, n_lanes)).copy()
        self.restart = np.zeros((n, n_lanes), dtype=bool)
        self.played = np.zeros((n, n_lanes), dtype=np.int64)
        self.steps = np.zeros((n, n_lanes), dtype=np.int64)
        self.total, self.weight = np.zeros((n, n_lanes)), np.ones((n, n_lanes))
        self._look()

    def play(self, returns: np.ndarray, lengths: np.ndarray) -> None:
        """Write the results of every candidate of the chunk, shape (C, n)."""
        while len(self.slots):
            ended = self._step()
            if ended is not None:
                self._note(ended, returns, lengths)
                self._leave_out()
                self._look()

    def _look(self) -> None:
        """What stays as it is until an episode ends: where each is, and which slots go on."""
        numbers = self.numbers[self.lane, self.played]
        slots = self.rows[:, None] * len(self.lane) + self.lane
        self.column = self.columns[self.lane, self.played]
        self.slots, self.slot_numbers, self.slot_restart = (
            array[self.live] for array in (slots, numbers, self.restart)
        )
        self.everywhere = len(self.slots) == self.live.size
        self.restarting = bool(self.slot_restart.any())

    def _step(self) -> np.ndarray | None:
        """:return: where an episode has ended, shape (C, S), if one has"""
        head, counting = self.candidates.head, self.counting
        leaves = self.stack.leaves(self.candidates.normalizer(self.observations))
        actions = head.act(leaves, self.noise.at(self.column, self.steps))
        if counting.ent_coef:
            bonus = self.weight * counting.ent_coef * head.entropy(leaves)
            self.total += np.where(self.live & ~self.restart, bonus, 0.0)
        actions = actions.reshape(-1, *actions.shape[2:]) if self.everywhere else actions[self.live]
        observations, rewards, ended = self.stepper.step(self.slots, actions, self.slot_restart, self.slot_numbers)
        self._observe(observations)
        self._add(rewards)
        self.steps += self.live
        if self.restarting:
            self.steps[self.restart], self.total[self.restart], self.weight[self.restart] = 0, 0.0, 1.0
            self.restart[:] = False
            self.slot_restart, self.restarting = np.zeros(len(self.slots), dtype=bool), False
        # A slot that has been reset has taken no step yet.
        if not ended.any() and int(self.steps.max()) < counting.max_steps:
            return None
        return self.live & (self._spread(ended) | (self.steps >= counting.max_steps))

    def _add(self, rewards: np.ndarray) -> None:
        if self.counting.gamma == 1:
            self.total += self._spread(rewards)
            return
        self.total += self.weight * self._spread(rewards)
        self.weight *= self.counting.gamma

    def _spread(self, values: np.ndarray) -> np.ndarray:
        """:return: values of live slots, shape (L,), as (C, S), 0 elsewhere"""
        if self.everywhere:
            return values.reshape(self.live.shape)
        spread = np.zeros(self.live.shape, dtype=values.dtype)
        spread[self.live] = values
        return spread

    def _observe(self, observations: Any) -> None:
        if self.everywhere:
            self.observations = of_each(lambda array: array.reshape(*self.live.shape, *array.shape[1:]), observations)
        elif isinstance(observations, dict):
            for key, array in observations.items():
                self.observations[key] = _replaced(self.observations[key], self.live, array)
        else:
            self.observations = _replaced(self.observations, self.live, observations)

    def _note(self, ended: np.ndarray, returns: np.ndarray, lengths: np.ndarray) -> None:
        row, lane = np.nonzero(ended)
        candidate, column = self.rows[row], self.columns[lane, self.played[row, lane]]
        returns[candidate, column] = self.total[row, lane]
        lengths[candidate, column] = self.steps[row, lane]
        self.steps[row, lane] = 0
        self.played[row, lane] += 1
        goes_on = self.played[row, lane] < self.n_episodes[lane]
        self.restart[row, lane] = goes_on
        self.live[row, lane] = goes_on

    def _leave_out(self) -> None:
        """Candidates that have played all their episodes."""
        kept: np.ndarray = np.any(self.live, axis=1)
        if not kept.any() or kept.mean() > 1 - LEFT_OUT:
            return
        self.stack.keep(kept)
        self.observations = of_each(lambda array: array[kept], self.observations)
        for name in ("rows", "live", "restart", "played", "steps", "total", "weight"):
            setattr(self, name, getattr(self, name)[kept])


def _replaced(old: np.ndarray, where: np.ndarray, new: np.ndarray) -> np.ndarray:
    """:return: the old array with new entries; a copy, for it may be the environments' own"""
    array = old.copy()
    array[where] = new
    return array


def laned(episodes: np.ndarray, n_lanes: int, length: int | None = None) -> list[Lanes]:
    """
    :param episodes: their numbers, shape (n,)
    :param n_lanes: S: episode e is played in lane e mod S
    :param length: if given, a plan holds episodes of one block of S · length numbers alone, and in each lane without a
        gap, so that one follows the other
    :return: plans that hold each once, in ascending order
    """
    plans: dict[tuple[int, int], list[list[tuple[int, int]]]] = {}
    last, gaps, block_of_lane = [-1] * n_lanes, [0] * n_lanes, [-1] * n_lanes
    for column in np.argsort(episodes, kind="stable").tolist():
        number = int(episodes[column])
        lane, place = number % n_lanes, number // n_lanes
        block = 0 if length is None else place // length
        if block != block_of_lane[lane]:
            block_of_lane[lane], gaps[lane] = block, 0
        elif length is not None and place != last[lane] + 1:
            gaps[lane] += 1
        last[lane] = place
        plan = plans.setdefault((block, gaps[lane]), [[] for _ in range(n_lanes)])
        plan[lane].append((number, column))
    return [
        Lanes(
            tuple(tuple(number for number, _ in lane) for lane in plan),
            tuple(tuple(column for _, column in lane) for lane in plan),
        )
        for _, plan in sorted(plans.items(), key=lambda item: item[0])
    ]


def first_seed(seed: int) -> int:
    """
    :param seed: the objective's
    :return: the number from which the seeds of its environments count, modulo 2³¹
    """
    return int(np.random.SeedSequence(seed).generate_state(1)[0]) % 2**31
