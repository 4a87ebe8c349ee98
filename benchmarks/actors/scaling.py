"""
``python -m benchmarks.actors.scaling``: whether the theory of :mod:`benchmarks.actors.queueing` says what real actors
bring. The times of its parts are measured with one actor; from these alone it has to say what 2, 4, 8 and 16 bring, in
processes of this machine and, with ``--ray``, on two nodes of Ray here; and then what 8, 64 and 512 would on machines
of their own. About four minutes, and with ``--ray`` five more; let nothing else run meanwhile.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # two nodes on loopback

import psutil
from stable_baselines3.common.vec_env import DummyVecEnv

from benchmarks.actors import environments
from benchmarks.actors.load import Constant, Exponential, Load
from benchmarks.actors.queueing import knee, table, throughput_bound
from benchmarks.actors.simulation import simulate
from benchmarks.actors.turns import Counting, Window

N_STEPS = 20
ENVIRONMENTS = {"waiting": Constant, "waiting_at_random": Exponential}


@dataclass(frozen=True)
class Found:
    """
    One training's window.

    :param env: a function of :mod:`benchmarks.actors.environments`
    :param engine: where the actors were
    :param n_actors: how many
    :param rate: frames a second
    :param fragment_seconds: mean time of an actor for a fragment
    :param learner_cpu: processor time of the learner's process a fragment
    :param lag: mean lag
    :param megabytes: resident memory of an actor's process; nan if it is not a child of this one
    """

    env: str
    engine: str
    n_actors: int
    rate: float
    fragment_seconds: float
    learner_cpu: float
    lag: float
    megabytes: float


class Watching(Counting):
    """Also keeps what is logged of the fragments, and how large an actor's process is."""

    def _on_training_start(self) -> None:
        self.megabytes = float("nan")

    def _on_rollout_end(self) -> None:
        self.logged = dict(self.logger.name_to_value)
        if self.megabytes != self.megabytes:
            sizes = [child.memory_info().rss for child in psutil.Process().children()]
            self.megabytes = max(sizes, default=float("nan")) / 1e6


def measure(env: str, n_actors: int, window: Window, **where: Any) -> Found:
    """
    :param env: a function of :mod:`benchmarks.actors.environments`
    :param n_actors: how many actors there are
    :param window: when to measure
    :param where: ``engine`` and ``ray_address``
    :return: what was found
    """
    from sb3_entropy import SIMPALA

    vec_env = DummyVecEnv([getattr(environments, env)])
    model = SIMPALA("MlpPolicy", vec_env, n_steps=N_STEPS, n_actors=n_actors, seed=0, device="cpu", **where)
    watching = Watching(window)
    try:
        model.learn(10**9, callback=watching, log_interval=None)
    finally:
        model.close()
    turn, logged = watching.turn(), watching.logged
    return Found(
        env,
        where["engine"],
        n_actors,
        turn.rate,
        logged["time/fragment_seconds"],
        turn.cpu * N_STEPS / turn.frames,
        logged["actors/policy_lag"],
        watching.megabytes,
    )


def load_of(alone: Found, mean: float, **settings: Any) -> Load:
    """
    :param alone: one actor's window, in an environment that waits
    :param mean: the mean of its wait, in seconds, as it is asked for; that it sleeps longer counts as the actor's own
    :param settings: of :class:`~benchmarks.actors.load.Load`
    :return: what a round costs
    """
    compute = max(alone.fragment_seconds / N_STEPS - mean, 0.0)
    latency = max(N_STEPS / alone.rate - alone.fragment_seconds - alone.learner_cpu, 0.0)
    return Load(
        wait=ENVIRONMENTS[alone.env](mean),
        compute=Constant(compute),
        fragment=Constant(alone.learner_cpu),
        latency=Constant(latency),
        n_steps=N_STEPS,
        **settings,
    )


def compared(found: Sequence[Found], load: Load) -> str:
    """
    :param found: windows of one environment and engine
    :param load: what a round costs there
    :return: what was measured beside what was said, as Markdown
    """
    lines = [
        "| environment | engine | actors | frames/s | said | at most | measured/said | mean lag | n − 1 | MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        said = simulate(load, one.n_actors, 2000, warm_up=200, seed=0).frames_per_s
        bound = throughput_bound(load, one.n_actors) * load.frames
        cells = [one.env, one.engine, f"{one.n_actors}", f"{one.rate:.0f}", f"{said:.0f}", f"{bound:.0f}"]
        cells += [f"{one.rate / said:.2f}", f"{one.lag:.1f}", f"{one.n_actors - 1}", f"{one.megabytes:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.actors.scaling", description=__doc__)
    parser.add_argument("--actors", type=int, nargs="+", default=(1, 2, 4, 8, 16), help="numbers of actors; 1 is first")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each window (default: 8)")
    parser.add_argument("--mean", type=float, default=5.0, help="ms; mean wait of a step (default: 5)")
    parser.add_argument("--ray", action="store_true", help="two nodes of Ray on this machine too, with 8 actors")
    parser.add_argument("--json", type=Path, help="also write everything that was measured to this file")
    options = parser.parse_args(arguments)
    window, everything = Window(3.0, options.seconds), []
    for env in ENVIRONMENTS:
        found = [measure(env, n, window, engine="process") for n in sorted({1, *options.actors})]
        load = load_of(found[0], options.mean / 1e3, cores=os.cpu_count() or 1, learner_apart=False)
        print(
            f"A step: {1e3 * load.wait.mean:.2f} ms of wait and {1e3 * load.compute.mean:.3f} ms of the actor's; a "
            f"fragment: {1e3 * load.fragment.mean:.2f} ms of the learner's and {1e3 * load.latency.mean:.2f} ms on its "
            f"way. On this machine the knee is at {knee(load):.1f} actors.\n"
        )
        print(compared(found, load), flush=True)
        everything += map(asdict, found)
    if options.ray:
        on_ray = [on_two_nodes("waiting", n, window) for n in (1, 2, 4, 8)]
        own = load_of(on_ray[0], options.mean / 1e3, cores=os.cpu_count() or 1, learner_apart=False)
        print(compared(on_ray, own), flush=True)
        everything += map(asdict, on_ray)
    machines = load_of(found[0], options.mean / 1e3, cores=8, actors_per_machine=8, learner_apart=True)
    print("\nOn machines with 8 cores and 8 actors each, and one for the learner, times as here:\n")
    print(table(machines, (8, 64, 512), 2000, None, 0))
    print(f"\nThe knee is at {knee(machines):.1f} actors.")
    if options.json:
        options.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    return 0


def on_two_nodes(env: str, n_actors: int, window: Window) -> Found:
    """:return: what :func:`measure` finds on two nodes of Ray here"""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    try:
        return measure(env, n_actors, window, engine="ray", ray_address=cluster.address)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    sys.exit(main())
