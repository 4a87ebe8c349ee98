"""Actors that die, raise, or are late. Most of it is played with an engine that does so as planned."""

import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecNormalize

from algorithms.actors.troubled import LENGTH, Raises, Still, Troubled
from sb3_entropy import SIMPALA
from sb3_entropy.algorithms.actors.pool import Pool
from sb3_entropy.engines import EngineError

ALPHA = 0.1


class Watch(BaseCallback):
    """Whose steps were taken, and what the training said of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.pids: list[int] = []
        self.actors: list[int] = []
        self.said: list[dict[str, Any]] = []

    def _on_step(self) -> bool:
        self.pids += [info["pid"] for info in self.locals["infos"]]
        return True

    def _on_rollout_end(self) -> None:
        self.actors += [int(env) for env in self.model._rollout_envs]
        self.said.append(dict(self.logger.name_to_value))


def model_of(env: Any = Still, **options: Any) -> SIMPALA:
    """It stays as it is, so that each step has the entropy log 2."""
    given = {"ent_coef": ALPHA, "learning_rate": 0.0, "n_steps": 5, "seed": 0, "device": "cpu"}
    env = DummyVecEnv([lambda: Monitor(env())]) if callable(env) else env
    model = SIMPALA("MlpPolicy", env, **{**given, "policy_kwargs": {"net_arch": [4]}, **options})
    model.policy.action_net.weight.data.zero_()
    return model


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[SIMPALA, list[Troubled]]]:
    """Makes a model whose actors do as a plan says, and the engines that it has had."""

    def make(plan: dict[int, list[Any]], **options: Any) -> tuple[SIMPALA, list[Troubled]]:
        engines = [Troubled(plan)]

        def make_engine(*args: Any) -> Troubled:
            engines.append(Troubled(engines[-1].plan))
            return engines[-1]

        monkeypatch.setattr("sb3_entropy.algorithms.actors.setup.make_engine", make_engine)
        return model_of(**options), engines

    return make


def bonuses(model: SIMPALA) -> list[float]:
    """Of each finished episode that is known whole."""
    assert len(model.journal.bonuses.finished) == len(model.ep_info_buffer)
    return [bonus for bonus in model.journal.bonuses.finished if not np.isnan(bonus)]


WHOLE = pytest.approx(ALPHA * LENGTH * np.log(2), rel=1e-5)


@pytest.mark.filterwarnings("ignore:Actor 1 is replaced")
def test_a_dead_actor_is_replaced_and_its_episode_forgotten(troubled: Any) -> None:
    model, engines = troubled({1: [0, "dies", 0, 0, "dies", "dies", 0]}, n_actors=2)
    watch = Watch()
    model.learn(150, callback=watch)
    assert engines[-1].spawned == [0, 1, 1, 1, 1]
    assert model.num_timesteps == 150
    assert model.n_replaced_actors == 3
    assert [said["actors/replaced"] for said in watch.said[:5]] == [0, 0, 0, 1, 1]
    assert watch.said[-1]["actors/replaced"] == 3
    assert watch.actors.count(1) > 8
    # An episode that was cut is no part of any that came after.
    found = bonuses(model)
    assert len(found) >= 15
    assert found == [WHOLE] * len(found)


def test_why_it_has_died_is_said(troubled: Any) -> None:
    model, _ = troubled({0: ["dies"]}, n_actors=1)
    with pytest.warns(UserWarning, match=r"Actor 0 is replaced, and its fragment lost. The actor's process was killed"):
        model.learn(5)


@pytest.mark.filterwarnings("ignore:Actor 1 is replaced")
def test_three_deaths_in_a_row_end_the_training(troubled: Any) -> None:
    model, engines = troubled({1: [0, "dies", "dies", 0, "dies", "dies", "dies"]}, n_actors=2)
    with pytest.raises(
        EngineError,
        match=r"Actor 1 has died 3 times in a row before it had sent a fragment\. .*SIGKILL.*fewer n_actors",
    ):
        model.learn(10**4)
    assert model.n_replaced_actors == 4
    assert engines[-1].closed == 1
    # Those that come then are other ones, and begin other episodes.
    model.learn(100, reset_num_timesteps=False)
    assert engines[-1].spawned == [0, 1]
    assert model.n_replaced_actors == 4
    found = bonuses(model)
    assert found == [WHOLE] * len(found)


def test_a_late_actor_is_not_waited_for_and_its_fragment_is_dropped(troubled: Any) -> None:
    model, engines = troubled({2: [30]}, n_actors=3, n_fragments=2, max_policy_lag=3)
    watch = Watch()
    model.learn(200, callback=watch)
    assert model._n_updates == 20
    assert Counter(watch.actors) == {0: 20, 1: 20}
    assert model.n_dropped_fragments == 0
    # It is still at work. The next training takes what it brings, which is too late.
    model.learn(200, reset_num_timesteps=False, callback=watch)
    assert engines[-1].closed == 0
    assert model.n_dropped_fragments == 1
    assert watch.said[-1]["actors/dropped_fragments"] == 1
    assert watch.actors.count(2) > 3
    assert model.num_timesteps == 5 * (len(watch.actors) + 1)
    found = bonuses(model)
    assert found == [WHOLE] * len(found)
    # Of the episode that it was a part of nothing is known.
    assert len(model.ep_info_buffer) - len(found) == 1


def test_whoever_hangs_takes_no_place_from_those_that_do_not(troubled: Any) -> None:
    """No more are asked than can be in time; those that cannot be any more do not count."""
    model, engines = troubled({0: [10**6], 1: [0, 0, 10**6]}, n_actors=4, max_policy_lag=1)
    watch = Watch()
    model.learn(100, callback=watch)
    assert engines[-1].now < 100
    assert Counter(watch.actors) == {1: 2, 2: 9, 3: 9}


def test_a_new_training_takes_nothing_of_the_one_before(troubled: Any) -> None:
    model, _ = troubled({0: [0, 0, 12]}, n_actors=2)
    model.learn(55)
    assert model._pool._asked[0].wanted
    model.learn(150)
    assert model.num_timesteps == 150
    found = bonuses(model)
    assert len(found) == len(model.ep_info_buffer) >= 18
    assert found == [WHOLE] * len(found)


@pytest.mark.filterwarnings("ignore:Actor 1 is replaced")
def test_what_was_counted_is_saved_and_gone_on_with(troubled: Any, tmp_path: Path) -> None:
    """What a learner that is killed leaves in its last checkpoint."""
    env = VecNormalize(DummyVecEnv([lambda: Monitor(Still())]))
    plan = {1: [0, "dies"], 2: [12]}
    options = {"n_actors": 3, "n_fragments": 2, "max_policy_lag": 3, "ent_coef": "auto_0.1", "ent_coef_lr": 1e-2}
    model, _ = troubled(plan, env=env, learning_rate=1e-3, **options)
    model.learn(200)
    model.save(tmp_path / "model.zip")
    env.save(str(tmp_path / "env.pkl"))
    again = SIMPALA.load(
        tmp_path / "model.zip", VecNormalize.load(str(tmp_path / "env.pkl"), DummyVecEnv([lambda: Monitor(Still())]))
    )
    assert again._pool is None
    for each in (model, again):
        assert [each.num_timesteps, each.n_replaced_actors, each.n_dropped_fragments] == [205, 1, 1]
        assert each._n_updates == 20
        assert each.env.obs_rms.count == model.env.obs_rms.count > 200
        assert {int(state["step"]) for state in each.policy.optimizer.state.values()} == {20}
    assert again.tempering.alpha == model.tempering.alpha != 0.1
    again.learn(100, reset_num_timesteps=False)
    assert [again.num_timesteps, again._n_updates, again.n_replaced_actors] == [305, 30, 1]
    assert {int(state["step"]) for state in again.policy.optimizer.state.values()} == {30}


def test_new_actors_begin_new_episodes(troubled: Any) -> None:
    model, engines = troubled({}, n_actors=1)
    model.learn(25)  # three episodes, and four steps
    model.close()
    assert engines[-1].closed == 1
    model.learn(40, reset_num_timesteps=False)
    found = bonuses(model)
    assert len(found) == len(model.ep_info_buffer) == 3 + 5
    assert found == [WHOLE] * len(found)


def test_an_update_that_a_callback_has_ended_leaves_episodes_unknown(troubled: Any) -> None:
    class Stops(BaseCallback):
        def _on_step(self) -> bool:
            return self.num_timesteps < 23

    model, _ = troubled({}, n_actors=1)
    model.learn(1000, callback=Stops())
    assert model.num_timesteps == 23
    model.learn(100, reset_num_timesteps=False)
    found = bonuses(model)
    assert found == [WHOLE] * len(found)
    assert len(model.ep_info_buffer) - len(found) == 2  # steps 15 to 21, and 22 to 28


def test_somebody_is_asked_whatever_the_bounds(troubled: Any) -> None:
    for n_actors, n_fragments, lag, delay in itertools.product((1, 3), (1, 3), (None, 0, 2), (0, 2)):
        if n_fragments > n_actors or (lag is not None and delay > lag):
            continue
        late = {index: [3, 0, 7, 1, 0, 5] for index in range(1, n_actors)}
        options = {"n_fragments": n_fragments, "max_policy_lag": lag, "weights_delay": delay, "n_steps": 1}
        model, _ = troubled(late, n_actors=n_actors, **options)
        model.learn(12)
        assert model._n_updates <= 12 / n_fragments


def test_who_asks_nobody_is_told_so(troubled: Any) -> None:
    pool = Pool(Troubled({}), lambda *_: None, None, 1)
    with pytest.raises(EngineError, match="Nobody is asked for a fragment, so none will come"):
        pool.take(1)


def test_if_an_actor_cannot_be_made_none_are_left() -> None:
    engine = Troubled({})

    def spawn(engine: Any, arguments: Any, index: int, before: int) -> None:
        if index == 1:
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        Pool(engine, spawn, None, 2)
    assert engine.closed == 1


def test_an_environment_that_raises_says_so_itself(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    model = model_of(lambda: Still(raises=str(flag)), engine="serial")
    model.learn(20)
    flag.touch()
    with pytest.raises(ZeroDivisionError, match="of this environment"):
        model.learn(20)
    assert model._pool is None
    flag.unlink()
    model.learn(20)


def test_environments_that_cannot_be_sent(tmp_path: Path) -> None:
    class Locked(Still):
        def __init__(self) -> None:
            super().__init__()
            self.file = open(tmp_path / "file", "w")  # noqa: SIM115

    with pytest.raises(TypeError, match=r"'file' of Locked, which is a TextIOWrapper, cannot .*Give a Dummy"):
        model_of(Locked).learn(5)
    env = SubprocVecEnv([Still], start_method="fork")
    try:
        with pytest.raises(TypeError, match=r"SubprocVecEnv cannot be copied .*Give a DummyVecEnv"):
            model_of(env).learn(5)
    finally:
        env.close()


def test_environments_that_cannot_be_made_there() -> None:
    with pytest.raises(RuntimeError, match=r"cannot be made here \(FileNotFoundError: no such ROM: pong.bin\)"):
        model_of(Raises).learn(5)


@pytest.mark.parametrize("address", ["here", "host:0", "ray://host:10001"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ValueError, match=f"ray_address must be 'host:port' .* or 'auto', but {address!r} was given"):
        model_of(engine="ray", ray_address=address)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sb3_entropy.engines.ray_cluster.find_spec", lambda name: None)
    model = model_of(engine="ray")  # a model that was saved can be looked at anywhere
    with pytest.raises(ImportError, match=r"The engine 'ray' needs Ray, which is not installed.*engine 'process'"):
        model.learn(5)


# ---------------------------------------------------------------------- processes


def children() -> set[int]:
    """Of this process."""
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
@pytest.mark.filterwarnings("ignore:Actor 0 is replaced")
def test_a_process_that_is_killed_and_one_that_raises(tmp_path: Path) -> None:
    """It is killed before it has anything to do, which is cheap."""
    flag = tmp_path / "flag"
    model = model_of(lambda: Still(raises=str(flag)), engine="process", n_actors=1)
    killed = model._hire_actors()._actors[0]._spawned.process.pid
    os.kill(killed, signal.SIGKILL)
    watch = Watch()
    model.learn(40, callback=watch)
    assert [model.n_replaced_actors, model.num_timesteps] == [1, 40]
    assert len({killed, *watch.pids}) == 2
    assert watch.pids[-1] in children()
    found = bonuses(model)
    assert found == [WHOLE] * 5
    flag.touch()
    with pytest.raises(ZeroDivisionError, match="of this environment") as raised:
        model.learn(40)
    assert 'raise ZeroDivisionError("of this environment")' in str(raised.value.__cause__)
    assert watch.pids[-1] not in children()


def test_a_script_that_is_not_guarded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its processes end as they import it."""
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(3)")
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    model = model_of(engine="process", n_actors=2)
    with (
        pytest.warns(UserWarning, match="is replaced"),
        pytest.raises(EngineError, match=r"exit code 3.*guard what it does with `if __name__ == \"__main__\""),
    ):
        model.learn(5)
