"""The benchmark of actors: environments that take time, who takes turns, and how it is told. No process is started."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv

from benchmarks.actors import environments, rllib, speed, turns
from benchmarks.actors.environments import Computing, Slow, Waiting, WaitingAtRandom
from benchmarks.actors.rllib_impala import counted
from benchmarks.actors.turns import Counting, Player, Turn, Window, take_turns

SHORT = Window(0.0, 0.01)
STAND_IN = Player("sb3_entropy:SA2C", "cartpole", 2, settings={"n_steps": 20, "n_actors": 3})
TWIN = speed.stock("sb3_entropy:SA2C", "cartpole", 2, n_steps=20)
LARGER = speed.stock("sb3_entropy:SA2C", "cartpole", 4, n_steps=20)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(environments, "time", SimpleNamespace(sleep=seconds.append, thread_time=time.thread_time))
    return seconds


@pytest.mark.parametrize("cls", [Waiting, WaitingAtRandom, Computing])
def test_environments_are_gymnasiums(cls: type[Slow]) -> None:
    check_env(cls(seconds=0.0, length=3))
    env = cls(seconds=0.0, length=3)
    for _ in range(2):
        env.reset()
        assert [env.step(np.int64(0))[2] for _ in range(3)] == [False, False, True]
    with pytest.raises(ValueError, match="seconds"):
        cls(seconds=-1.0)
    with pytest.raises(ValueError, match="length"):
        cls(length=0)


def test_who_waits_sleeps(slept: list[float]) -> None:
    env = Waiting(0.25)
    env.reset()
    for _ in range(3):
        env.step(np.int64(1))
    assert slept == [0.25] * 3


def test_who_waits_at_random_sleeps_exponential_times_of_its_seed(slept: list[float]) -> None:
    env = WaitingAtRandom(0.25, length=2000)
    for _ in range(2):
        env.reset(seed=7)
        for _ in range(2000):
            env.step(np.int64(1))
    first, second = np.reshape(slept, (2, 2000))
    assert (first == second).all()
    # Mean, and standard deviation, are 0.25; four standard errors of both.
    assert first.mean() == pytest.approx(0.25, abs=4 * 0.25 / 2000**0.5)
    assert first.std() == pytest.approx(0.25, abs=4 * 0.25 * (2 / 2000) ** 0.5)
    env.reset(seed=8)
    env.step(np.int64(1))
    assert slept[-1] != first[0]


def test_who_computes_takes_processor_time_and_who_waits_takes_none() -> None:
    taken = []
    for env in (Computing(0.01), Waiting(0.01)):
        env.reset()
        begin, cpu = time.perf_counter(), time.thread_time()
        env.step(np.int64(0))
        taken.append(time.thread_time() - cpu)
        assert time.perf_counter() - begin >= 0.0099
    assert taken[0] >= 0.0099
    assert taken[1] < 0.005


@pytest.mark.parametrize("name", ["waiting", "waiting_at_random", "computing", "cartpole"])
def test_all_have_the_spaces_of_cartpole(name: str) -> None:
    env = getattr(environments, name)()
    assert (env.observation_space.shape, env.action_space.n) == ((4,), 2)
    assert getattr(env.unwrapped, "seconds", 0.005) == 0.005


def test_a_window_begins_after_the_warm_up_and_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    # The clock goes on by a second a step, by three an update, which are the processor time.
    now, cpu = 100.0, 0.0

    class Model:
        num_timesteps = 0
        logger = None

        def get_env(self) -> None:
            return None

        def train(self) -> str:
            nonlocal now, cpu
            now, cpu = now + 3, cpu + 3
            return "trained"

    clock = SimpleNamespace(perf_counter=lambda: now, process_time=lambda: cpu)
    monkeypatch.setattr(turns, "time", clock)
    model, counting = Model(), Counting(Window(warm_up=10, seconds=20))
    counting.init_callback(model)  # type: ignore[arg-type]
    going = True
    with counting.timing_updates(model):
        while going:
            for _ in range(5):
                now, model.num_timesteps = now + 1, model.num_timesteps + 8
                going = going and counting.on_step()
            assert model.train() == "trained"
    assert "train" not in vars(model), "the model is as it was"
    # Steps at 101, …, 105, 109, …, 113, 117, …, 121, 125, …, 129, 133: from the 8th, at 111, to the 21st, at 133.
    assert counting.turn() == Turn(frames=13 * 8, seconds=22.0, cpu=9.0, updates_cpu=9.0, updates=3)


def test_a_training_that_ends_too_soon_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="ended before the window did"):
        Counting(SHORT).turn()


def test_a_player_trains_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []
    close: Callable[[Any], None] = DummyVecEnv.close

    def noted(env: DummyVecEnv) -> None:
        closed.append(True)
        close(env)

    monkeypatch.setattr(DummyVecEnv, "close", noted)
    turn = TWIN.contestant(SHORT)(0)
    assert turn.frames % 2 == 0
    assert turn.frames > 0
    assert turn.seconds >= 0.01
    assert turn.rate == turn.frames / turn.seconds
    assert closed == [True]


def test_turns_go_forth_and_back_with_the_rounds_seed() -> None:
    taken: list[tuple[str, int]] = []

    def contestant(name: str) -> turns.Contestant:
        def train(seed: int) -> Turn:
            taken.append((name, seed))
            return Turn(seed, 1.0)

        return train

    found = take_turns({name: contestant(name) for name in "abc"}, rounds=4, seed=3)
    assert {name: [turn.frames for turn in one] for name, one in found.items()} == {
        name: [3, 4, 5, 6] for name in "abc"
    }
    order = [name for name, _ in taken]
    assert order[:3] == order[3:6][::-1]
    assert order[6:9] == order[9:][::-1]


def test_the_table_of_the_goals() -> None:
    found = speed.rows()
    assert {(row.work, name): goal for row in found for name, goal in row.goals.items()} == {
        ("waits 5 ms", "SA2C, DummyVecEnv(1)"): 6.0,
        ("waits 5 ms", "SA2C, SubprocVecEnv(8)"): 0.95,
        ("waits 5 ms on average", "SA2C, SubprocVecEnv(8)"): 1.8,
        ("computes 5 ms", "SA2C, SubprocVecEnv(2)"): 0.9,
        ("CartPole-v1", "A2C, DummyVecEnv(16)"): None,
        ("CartPole-v1", speed.RLLIB): 2.5,
    }
    for row in found:
        actors = row.ours.settings["n_actors"] * row.ours.n_envs
        assert {player.n_envs for player, _ in row.others} <= {actors, 1}, "as many environments, or one"
        assert {player.env for player, _ in row.others} == {row.ours.env}
        assert {player.settings["n_steps"] for player, _ in row.others} == {row.ours.settings["n_steps"]}
    assert found[0].ours.name == "SIMPALA, DummyVecEnv(1) × 8 actors"
    assert list(found[3].contestants(SHORT, None)) == [found[3].ours.name, "A2C, DummyVecEnv(16)"]
    assert speed.RLLIB in found[3].contestants(SHORT, Path("venv"))
    assert speed.RLLIB not in found[0].contestants(SHORT, Path("venv"))


def test_ratios_are_told_with_what_is_not_met() -> None:
    row = speed.Row("waits", STAND_IN, ((TWIN, 6.0), (LARGER, 0.95)), rllib=2.5)
    taken = {
        STAND_IN.name: [Turn(800 + 8 * i, 4.0) for i in range(6)],
        TWIN.name: [Turn(100 + i, 4.0) for i in range(6)],
        LARGER.name: [Turn(1000 + 10 * i, 4.0) for i in range(6)],
    }
    found = speed.results_of(row, taken)
    assert [other["met"] for other in found["against"]] == [True, False]
    assert speed.table([found]).splitlines()[2:] == [
        "| waits | SA2C, DummyVecEnv(2) × 3 actors | 205 | SA2C, DummyVecEnv(2) | 26 | 8.00 [8.00, 8.00] | ≥ 6.00 |",
        "| waits | SA2C, DummyVecEnv(2) × 3 actors | 205 | SA2C, DummyVecEnv(4) | 256 | 0.80 [0.80, 0.80] ✗ | ≥ 0.95 |",
    ]


def test_the_overhead_is_what_no_update_of_a_twin_takes() -> None:
    row = speed.Row("waits", STAND_IN, ((LARGER, None), (TWIN, None)))
    taken = {
        # 20 fragments of 40 frames in 0.1 s of processor time: 5 ms each; the twin's updates take 3 ms.
        STAND_IN.name: [Turn(800, 4.0, 0.1)] * 6,
        TWIN.name: [Turn(400, 4.0, 0.9, updates_cpu=0.03, updates=10)] * 6,
        LARGER.name: [Turn(400, 4.0, 0.9, updates_cpu=0.9, updates=10)] * 6,
    }
    cost = speed.overhead(row, taken)
    assert cost is not None
    assert cost.median == pytest.approx(2.0)
    assert speed.overhead(speed.Row("waits", STAND_IN, ((LARGER, None),)), taken) is None


def test_the_whole_is_printed_and_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def rates(player: Player, window: Window) -> turns.Contestant:
        rate = 900.0 if player is STAND_IN else 100.0
        assert window == Window(1.0, 3.0)
        return lambda seed: Turn(rate, 1.0, cpu=rate * 0.1 / 40, updates_cpu=0.001, updates=1)

    monkeypatch.setattr(speed, "rows", lambda: [speed.Row("waits", STAND_IN, ((TWIN, 6.0),))])
    monkeypatch.setattr(Player, "contestant", rates)
    file = tmp_path / "found.json"
    given = ["--rounds", "2", "--warm-up", "1", "--seconds", "3", "--json", str(file)]
    assert speed.main(given) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "9.00 [9.00, 9.00] | ≥ 6.00" in printed[2]
    assert printed[-1] == "The learner's overhead a fragment, waits: 99.00 [99.00, 99.00] ✗ ms (goal: ≤ 2 ms)"
    data = json.loads(file.read_text())
    assert (len(data["rows"]), data["overhead_ms"]["waits"]["median"]) == (1, pytest.approx(99.0))
    assert len(data["rows"][0]["turns"][TWIN.name]) == 2
    assert speed.main(["--only", "nothing of the kind"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_virtual_environment_is_made_once_with_pytorch_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []
    venv = tmp_path / "rllib"

    def run(command: list[str]) -> str:
        commands.append(command)
        venv.mkdir(exist_ok=True)
        return ""

    monkeypatch.setattr(rllib, "run", run)
    rllib.ensure(venv)
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"], ["-m", "pip"], ["-P", "-c"]]
    assert [command[-1] for command in commands[1:3]] == ["torch", "ray[rllib]"]
    assert commands[1][-2] == str(rllib.CONSTRAINTS)
    pins = Path(commands[2][-2]).read_text().splitlines()
    assert [pin.partition("==")[0] for pin in pins] == ["ray", "torch"], "and not Gymnasium, which RLlib pins"
    rllib.ensure(venv)
    assert len(commands) == 5, "it is there"


def test_a_folder_without_rllib_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"has no RLlib that can be imported: [\s\S]*Remove it to have it made"):
        rllib.ensure(tmp_path)


def test_what_fails_in_the_other_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "ours")
    assert rllib.run(["sh", "-c", "echo $PYTHONPATH+"]) == "+\n"
    with pytest.raises(RuntimeError, match=r"sh -c echo broken >&2; exit 3 failed:\nbroken"):
        rllib.run(["sh", "-c", "echo broken >&2; exit 3"])


def test_rllib_gets_our_settings_and_its_frames_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str]) -> str:
        commands.append(command)
        return 'a warning\n{"sampled": 5000, "trained": 4000, "seconds": 2.5}\n'

    monkeypatch.setattr(rllib, "run", run)
    turn = rllib.impala(Path("venv"), 2, 8, 50, Window(3.0, 7.0))(4)
    assert turn == Turn(5000, 2.5)
    script = commands[0].index(str(rllib.SCRIPT))
    words = ["--actors", "2", "--n-envs", "8", "--n-steps", "50", "--warm-up", "3.0", "--seconds", "7.0", "--seed", "4"]
    assert commands[0][script + 1 :] == words


def test_a_counter_that_is_not_there_yet_is_zero() -> None:
    result = {"learners": {"all": {"frames": np.int64(3)}}}
    assert counted(result, ("learners", "all", "frames")) == 3.0
    assert counted(result, ("runners", "all", "frames")) == 0.0
