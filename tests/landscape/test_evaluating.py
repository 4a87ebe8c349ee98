"""Evaluations are kept one by one, found again, and go on after what interrupted them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sb3_entropy import SPPO
from sb3_entropy.landscape import RolloutObjective, TabularObjective, evaluating
from sb3_entropy.landscape.candidates.telling import fingerprint
from sb3_entropy.landscape.evaluating import BLOCK, Evaluator, Point
from sb3_entropy.landscape.objectives.base import Conditions, NotFiniteError, Objective
from sb3_entropy.landscape.objectives.function import FunctionObjective, quadratic, saddle
from sb3_entropy.landscape.objectives.rollout import _told as told_setting
from sb3_entropy.mdp import Mix, SoftmaxLinear, TabularMDP
from sb3_entropy.store import Evaluations, Store


class Counted(Objective):
    """θ ↦ θ₀ + 10·e, noisy by its episodes alone; counts what it is asked for."""

    def __init__(self, theta0: Any = (0.0, 0.0), broken: float | None = None):
        self._theta0, self.asked, self.broken = np.array(theta0), 0, broken

    @property
    def theta0(self) -> np.ndarray:
        return self._theta0.copy()

    @property
    def conditions(self) -> Conditions:
        return Conditions()

    def under(self, conditions: Conditions) -> "Counted":
        return self

    def describe(self) -> dict[str, Any]:
        return {"kind": "counted"}

    def _play(self, thetas: np.ndarray, episodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.asked += len(thetas) * len(episodes)
        returns = thetas[:, :1] + 10.0 * episodes
        returns[thetas[:, 0] == self.broken] = np.nan
        return returns, np.full(returns.shape, 7)


def points(*firsts: float) -> Iterator[Point]:
    return (Point({"first": first}, np.array([first, 0.0])) for first in firsts)


def test_returns_are_those_of_the_objective_in_order() -> None:
    watched = []
    evaluator = Evaluator(Counted(), chunk=2, watch=lambda done, total: watched.append((done, total)))
    found = evaluator.returns(points(1.0, 2.0, 3.0), 3, 11, first=4)
    np.testing.assert_array_equal(found, np.array([[1.0], [2.0], [3.0]]) + 10.0 * np.arange(4, 15))
    assert watched == [(22, 33), (33, 33)]


def test_what_is_there_is_not_evaluated_again(tmp_path: Path) -> None:
    objective = Counted()
    with Store(tmp_path / "probes.sqlite") as store:
        first = Evaluator(objective, store).returns(points(1.0, 2.0), 2, BLOCK)
        assert objective.asked == 2 * BLOCK
        again = Evaluator(objective, store).returns(points(1.0, 2.0), 2, BLOCK)
        assert objective.asked == 2 * BLOCK
        np.testing.assert_array_equal(again, first)
        more = Evaluator(objective, store).returns(points(2.0, 5.0), 2, BLOCK + 3)
        assert objective.asked == 2 * BLOCK + 3 + BLOCK + 3
        np.testing.assert_array_equal(more[0, :BLOCK], first[1])
        (kept,) = Evaluations(store).read(Evaluations(store).keys({"place": {"first": 2.0}})[:1])
        assert kept is not None
        assert kept.results["length"] == (7.0,) * BLOCK


def test_other_parameters_at_the_same_place_are_another_evaluation(tmp_path: Path) -> None:
    objective = Counted()
    with Store(tmp_path / "probes.sqlite") as store:
        Evaluator(objective, store).returns([Point({"first": 1.0}, np.array([1.0, 0.0]))], 1, 2)
        Evaluator(objective, store).returns([Point({"first": 1.0}, np.array([1.0, 1e-16]))], 1, 2)
    assert objective.asked == 4


def test_an_interruption_loses_one_chunk(tmp_path: Path) -> None:
    def interrupted() -> Iterator[Point]:
        yield from points(1.0, 2.0, 3.0)
        raise KeyboardInterrupt

    objective = Counted()
    with Store(tmp_path / "probes.sqlite") as store:
        with pytest.raises(KeyboardInterrupt):
            Evaluator(objective, store, chunk=2).returns(interrupted(), 4, 4)
        assert objective.asked == 8
        found = Evaluator(objective, store, chunk=2).returns(points(1.0, 2.0, 3.0, 4.0), 4, 4)
    assert objective.asked == 16
    np.testing.assert_array_equal(found, Evaluator(Counted()).returns(points(1.0, 2.0, 3.0, 4.0), 4, 4))


def test_what_is_finite_is_kept_where_something_is_not(tmp_path: Path) -> None:
    objective = Counted(broken=2.0)
    with Store(tmp_path / "probes.sqlite") as store:
        with pytest.raises(NotFiniteError, match="candidate 1 in episode 0 is nan"):
            Evaluator(objective, store).returns(points(1.0, 2.0, 3.0), 3, 4)
        kept = Evaluations(store).keys({"landscape": 1})
    assert [key["place"]["first"] for key in kept] == [1.0, 3.0]


def test_a_function_without_a_name_of_its_own_is_not_kept(tmp_path: Path) -> None:
    """Two of them would be taken for each other."""
    with Store(tmp_path / "probes.sqlite") as store:
        for function in (lambda theta: 0.0, quadratic([[1.0]])):
            with pytest.raises(ValueError, match="Give it one, name="):
                Evaluator(FunctionObjective(function, [0.0]), store)
        Evaluator(FunctionObjective(saddle, [0.0, 0.0]), store)
        Evaluator(FunctionObjective(quadratic([[1.0]]), [0.0], name="x²/2"), store)


def test_a_miscount_is_told() -> None:
    with pytest.raises(ValueError, match="3 points were announced, but 2 were given"):
        Evaluator(Counted()).returns(points(1.0, 2.0), 3, 1)


def test_policies_and_environments_that_differ_have_other_keys(tmp_path: Path) -> None:
    """What is not told by θ: a scheme's class and Δ, a mixture's share, the middle of a long array, a partial."""

    def told(scheme: str, delta: float) -> str:
        kwargs = {"net_arch": [4], "std_scheme": scheme, "std_scheme_kwargs": {"delta": delta}}
        return fingerprint(SPPO("MlpPolicy", "Pendulum-v1", policy_kwargs=kwargs, device="cpu").policy)

    assert len({told("global_local", 1.0), told("global_local", 3.0), told("global_clipped_local", 1.0)}) == 3
    mdp = TabularMDP(np.full((2, 2, 2), 0.5), np.eye(2), np.array([1.0, 0.0]), 0.9)
    inner = SoftmaxLinear(mdp)
    mixed = [TabularObjective(mdp, Mix(mdp, inner, share), np.zeros(6)) for share in (0.1, 0.9)]
    assert mixed[0].describe() != mixed[1].describe()
    model = SPPO("MlpPolicy", "Pendulum-v1", device="cpu")
    nameless = RolloutObjective(model, partial(gym.make, "Pendulum-v1"))
    with Store(tmp_path / "probes.sqlite") as store:
        with pytest.raises(ValueError, match=r"RolloutObjective\(…, name='…'\)"):
            Evaluator(nameless, store)
        Evaluator(RolloutObjective(model, partial(gym.make, "Pendulum-v1"), name="my pendulum"), store)
    array = np.zeros(3000)
    other = array.copy()
    other[1500] = 1
    assert told_setting(array) != told_setting(other)
    assert Conditions(std=0) == Conditions(std=0.0)
    assert repr(Conditions(std=0)) == repr(Conditions(std=0.0))


def test_a_store_of_other_code_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path / "probes.sqlite") as store:
        Evaluator(Counted(), store).returns(points(1.0), 1, 2)
        monkeypatch.setattr(evaluating, "code", lambda: "sb3-entropy 9.9")
        objective = Counted()
        with pytest.warns(UserWarning, match="made by other code .*this is sb3-entropy 9.9"):
            Evaluator(objective, store).returns(points(1.0), 1, 2)
    assert objective.asked == 2
