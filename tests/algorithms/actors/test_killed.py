"""
Trainings in processes of their own that lose actors, their learner, a node or the head of their cluster. All of them
are slow; what they show is played quickly in :mod:`algorithms.actors.test_faults`.
"""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from algorithms.actors.troubled import Still
from sb3_entropy import SIMPALA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc"),
]
TESTS = Path(__file__).parents[2]

BEGINNING = """
    import os, signal, sys, time
    from stable_baselines3.common.callbacks import BaseCallback, CheckpointCallback
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
    from algorithms.actors.troubled import Still
    from sb3_entropy import SIMPALA
    from sb3_entropy.engines import EngineError

    class Watch(BaseCallback):
        def _on_step(self):
            return True

        def _on_rollout_end(self):
            see(self, self.locals["infos"][0])

    def model_of(env=Still, **options):
        return SIMPALA("MlpPolicy", DummyVecEnv([lambda: Monitor(env())]), seed=0, device="cpu", **options)
"""


def start(folder: Path, script: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a script in a session of its own."""
    path = folder / "script.py"
    path.write_text(textwrap.dedent(BEGINNING) + textwrap.dedent(script))
    modules = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", path],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": modules, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def alive(session: int) -> list[int]:
    """The processes of a session that are no zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, leader = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(leader) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def all_end(session: int, seconds: float) -> bool:
    """Whether its processes end by themselves within so many seconds."""
    deadline = time.monotonic() + seconds
    while alive(session):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


LEARNER = """
    pids = set()

    def see(watch, info):
        model = watch.model
        pids.add(info["pid"])
        if len(pids) == 3:  # the replacement too has begun: one that only starts would leave the weights it was sent
            pids.add("said")
            print("replaced", flush=True)
        if model.n_replaced_actors < 1 and model.num_timesteps == 40:
            os.kill(info["pid"], signal.SIGKILL)
        if model.n_replaced_actors < 1 and model.num_timesteps > 40:
            model.num_timesteps -= 5  # until it is missed

    if __name__ == "__main__":
        env = VecNormalize(DummyVecEnv([lambda: Monitor(Still())]))
        model = SIMPALA("MlpPolicy", env, n_actors=2, engine="process", ent_coef="auto_0.1", ent_coef_lr=1e-2, seed=0)
        save = CheckpointCallback(50, "saved", save_vecnormalize=True)
        model.learn(10**9, callback=[Watch(), save])
"""


def test_a_learner_that_is_killed_leaves_nobody_and_is_gone_on_with(tmp_path: Path) -> None:
    learner = start(tmp_path, LEARNER, TMPDIR=str(tmp_path))
    saved = tmp_path / "saved"
    try:
        deadline = time.monotonic() + 120
        assert learner.stdout is not None
        assert learner.stdout.readline() == "replaced\n"
        while len(list(saved.glob("rl_model_vecnormalize_*"))) < 8:
            assert learner.poll() is None, learner.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(alive(learner.pid)) >= 3
    finally:
        learner.kill()
        learner.wait()
    assert all_end(learner.pid, 15)
    assert list(tmp_path.glob("*.shared")) == []

    steps = sorted(int(path.stem.split("_")[3]) for path in saved.glob("rl_model_vecnormalize_*"))[-2]
    env = VecNormalize.load(
        str(saved / f"rl_model_vecnormalize_{steps}_steps.pkl"), DummyVecEnv([lambda: Monitor(Still())])
    )
    model = SIMPALA.load(saved / f"rl_model_{steps}_steps.zip", env=env, engine="serial")
    assert model.num_timesteps == steps
    assert model.n_replaced_actors == 1
    updates, alpha, seen = model._n_updates, model.tempering.alpha, env.obs_rms.count
    assert updates >= steps // 5 - 1
    assert alpha != 0.1
    assert seen > steps
    assert {int(state["step"]) for state in model.policy.optimizer.state.values()} == {updates}
    model.learn(50, reset_num_timesteps=False)
    assert [model.num_timesteps, model._n_updates, model.n_replaced_actors] == [steps + 50, updates + 10, 1]
    assert {int(state["step"]) for state in model.policy.optimizer.state.values()} == {updates + 10}
    assert 0.5 < model.tempering.alpha / alpha < 2
    assert env.obs_rms.count > seen


SLOW = """
    def see(watch, info):
        assert info["seed"] == 0

    class SlowButTheFirst(Still):
        def step(self, action):
            if self.seed != 0:
                time.sleep(600.0)
            return super().step(action)

    if __name__ == "__main__":
        model = model_of(SlowButTheFirst, engine="process", n_actors=2)
        model.learn(400, callback=Watch())
        print("learned", model.num_timesteps, flush=True)
        model.learn(400, callback=Watch(), reset_num_timesteps=False)
        print("learned", model.num_timesteps, list(model._pool._asked), flush=True)
        if "STOPPED" in os.environ:
            model.learn(10**9)
"""


@pytest.mark.parametrize("stopped", [False, True], ids=["ends", "Ctrl-C"])
def test_an_actor_that_hangs_holds_up_nobody(tmp_path: Path, stopped: bool) -> None:
    """It would sleep for the better part of an hour. Neither trainings nor the program wait for it."""
    learner = start(tmp_path, SLOW, TMPDIR=str(tmp_path), **({"STOPPED": ""} if stopped else {}))
    assert learner.stdout is not None
    assert [learner.stdout.readline() for _ in range(2)] == ["learned 400\n", "learned 800 [1]\n"]
    assert len(alive(learner.pid)) >= 3
    if stopped:
        time.sleep(0.5)
        os.killpg(learner.pid, signal.SIGINT)
    _, error = learner.communicate(timeout=60)
    assert ("KeyboardInterrupt" in error) == stopped
    assert all_end(learner.pid, 10)
    assert list(tmp_path.glob("*.shared")) == []


def test_a_script_without_a_guard(tmp_path: Path) -> None:
    learner = start(tmp_path, "model_of(engine='process', n_actors=1).learn(10)")
    _, error = learner.communicate(timeout=120)
    assert learner.returncode == 1
    last = error.splitlines()[-1]
    assert "Actor 0 has died 3 times in a row before it had sent a fragment. The actor's process ended" in last
    assert 'guard what it does with `if __name__ == "__main__":`' in last
    assert all_end(learner.pid, 5)


CLUSTER = """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on loopback
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    times, seen = {}, set()

    def see(watch, info):
        model, now = watch.model, time.monotonic()
        seen.add(info["seed"])
        if "node" not in times and len(seen) == 2:  # actors, each on a node
            times["node"] = now
            cluster.remove_node(node, allow_graceful=False)
        elif "replaced" not in times and model.n_replaced_actors:
            times["replaced"] = now
            print(f"replaced {model.n_replaced_actors} after {now - times['node']:.1f} s", flush=True)
        elif "replaced" in times and "head" not in times and now > times["replaced"] + 2:
            times["head"] = time.monotonic()
            cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    model = model_of(engine="ray", ray_address=cluster.address, n_actors=2)
    try:
        model.learn(10**9, callback=[Watch(), CheckpointCallback(100, "saved")])
    except EngineError as error:
        print(f"ended after {time.monotonic() - times['head']:.1f} s at {model.num_timesteps}: {error}", flush=True)
    cluster.shutdown()  # removes its traces
    print("end", flush=True)
"""


def test_a_node_and_the_head_of_a_cluster_that_are_killed(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    learner = start(tmp_path, CLUSTER)
    try:
        output, error = learner.communicate(timeout=300)
    finally:
        if learner.poll() is None:
            os.killpg(learner.pid, signal.SIGKILL)
    replaced = re.search(r"^replaced 1 after ([\d.]+) s$", output, re.MULTILINE)
    ended = re.search(
        r"^ended after ([\d.]+) s at (\d+): The head of the Ray cluster, .* has gone", output, re.MULTILINE
    )
    assert replaced, (output, error[-3000:])
    assert ended, (output, error[-3000:])
    assert float(replaced[1]) < 60
    assert float(ended[1]) < 10
    assert output.endswith("end\n")
    last = max(int(path.stem.split("_")[2]) for path in (tmp_path / "saved").glob("rl_model_*_steps.zip"))
    assert int(ended[2]) - 100 - 10 <= last <= int(ended[2])
    assert SIMPALA.load(tmp_path / "saved" / f"rl_model_{last}_steps.zip").num_timesteps == last
