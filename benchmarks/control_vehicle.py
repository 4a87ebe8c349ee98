"""
``python -m benchmarks.control_vehicle``: steps of the vehicle and of the source's tasks beside HalfCheetah-v5's, and
their batch of 64 beside one of them. ``--returns`` prints what the pursuit controller and random actions earn instead.

Processor time counts, which others on the machine disturb less; the median of rounds in which all are timed in turn.
One thread; about ten seconds either way.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

# Before anything imports numpy: its thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import gymnasium as gym
import numpy as np
import sb3_entropy_vehicle
from sb3_entropy_vehicle import Chase, Pursuit

from sb3_entropy.vec_env.native import make_native_vec_env

#: environments, their settings, and the least ratio of their rate to HalfCheetah-v5's; ``None``: none was set
CASES: dict[str, tuple[str, dict[str, Any], float | None]] = {
    "kinematic": (sb3_entropy_vehicle.VEHICLE, {"tyres": "kinematic"}, 0.25),
    "linear": (sb3_entropy_vehicle.VEHICLE, {"tyres": "linear"}, 0.25),
    "slip": (sb3_entropy_vehicle.VEHICLE, {"tyres": "slip"}, 0.25),
    "paper": (sb3_entropy_vehicle.PAPER_VEHICLE, {}, 1.0),
    "acrobot": (sb3_entropy_vehicle.TORQUE_ACROBOT, {}, 1.0),
}
#: the batch, and how many times one environment's rate it should have
TOGETHER, FASTER = 64, 5.0
TRACKS = ("circle", "lane_change", "figure_eight")
ROADS: tuple[tuple[str, float], ...] = (
    ("kinematic", 1.0),
    ("linear", 1.0),
    ("slip", 1.0),
    ("slip", 0.4),
    ("slip", 0.1),
)


def single(env_id: str, settings: dict[str, Any]) -> Callable[[int], float]:
    """:return: a function from a number of steps to the seconds that one of them takes, through ``gym.make``"""
    env: gym.Env[Any, Any] = gym.make(env_id, **settings)
    env.action_space.seed(0)
    # Small ones, which keep a car on its track for some seconds.
    actions = [0.1 * env.action_space.sample() for _ in range(128)]
    env.reset(seed=0)

    def measured(n_steps: int) -> float:
        start = time.process_time()
        for i in range(n_steps):
            _, _, terminated, truncated, _ = env.step(actions[i % 128])
            if terminated or truncated:
                env.reset()
        return (time.process_time() - start) / n_steps

    return measured


def batch(env_id: str, settings: dict[str, Any]) -> Callable[[int], float]:
    """:return: a function from a number of steps of the batch to the seconds of a step of one environment in it"""
    envs = make_native_vec_env(env_id, TOGETHER, seed=0, **settings)
    envs.action_space.seed(0)
    actions = [np.array([0.1 * envs.action_space.sample() for _ in range(TOGETHER)]) for _ in range(32)]
    envs.reset()

    def measured(n_steps: int) -> float:
        start = time.process_time()
        for i in range(n_steps):
            envs.step(actions[i % 32])
        return (time.process_time() - start) / (n_steps * TOGETHER)

    return measured


def rates(rounds: int, n_steps: int) -> dict[str, dict[str, float]]:
    """
    :param rounds: how often all are timed
    :param n_steps: steps of one environment in a round; the batch takes a sixteenth of them
    :return: microseconds a step, alone and in the batch, and the two ratios, by case
    """
    cheetah = single("HalfCheetah-v5", {})
    makers = {name: (single(*case[:2]), batch(*case[:2])) for name, case in CASES.items()}
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, (alone, together) in makers.items():
            times[name].append((cheetah(n_steps), alone(n_steps), together(max(n_steps // 16, 1))))
    return {
        name: {
            "microseconds": 1e6 * statistics.median(one for _, one, _ in seen),
            "in_batch": 1e6 * statistics.median(many for _, _, many in seen),
            "of_half_cheetah": statistics.median(other / one for other, one, _ in seen),
            "batch_faster": statistics.median(one / many for _, one, many in seen),
        }
        for name, seen in times.items()
    }


def earned(env_id: str, settings: dict[str, Any], controlled: bool, n_episodes: int = 20) -> dict[str, float]:
    """
    :param env_id: an environment
    :param settings: its own
    :param controlled: whether the pursuit controller drives, or Chase the source's vehicle; or random actions do
    :param n_episodes: seeds 0, 1, …
    :return: mean and standard deviation of the returns, the mean length, and the greatest distance to the track in m
    """
    envs = make_native_vec_env(env_id, n_episodes, seed=0, **settings)
    rng = np.random.default_rng(0)
    pursuer = Chase if env_id == sb3_entropy_vehicle.PAPER_VEHICLE else Pursuit
    driver, state = pursuer(envs.get_attr("unwrapped")[0]) if controlled else None, None
    returns, lengths = np.zeros(n_episodes), np.zeros(n_episodes)
    farthest, live, seen = 0.0, np.ones(n_episodes, bool), envs.reset()
    while live.any():
        action = rng.uniform(-1, 1, (n_episodes, *envs.action_space.shape))
        if driver:
            action, state = driver.predict(np.asarray(seen), state)
        seen, rewards, dones, infos = envs.step(action)
        returns[live] += rewards[live]
        lengths[live] += 1
        away = [abs(info.get("lateral_error", 0.0)) for info, going in zip(infos, live, strict=True) if going]
        farthest = max(farthest, *away)
        live &= ~dones
    return {
        "mean": float(returns.mean()),
        "std": float(returns.std(ddof=1)),
        "steps": float(lengths.mean()),
        "farthest": farthest,
    }


def table() -> dict[str, dict[str, float]]:
    """:return: what is earned, by track, tyres, friction and driver"""
    found = {}
    for track in TRACKS:
        for tyres, friction in ROADS:
            settings = {"track": track, "tyres": tyres, "friction": friction}
            for driver in ("pursuit", "random"):
                name = f"{track} {tyres} {friction:g} {driver}"
                found[name] = earned(sb3_entropy_vehicle.VEHICLE, settings, driver == "pursuit")
    found[f"{sb3_entropy_vehicle.PAPER_VEHICLE} chase"] = earned(sb3_entropy_vehicle.PAPER_VEHICLE, {}, True)
    for env_id in (sb3_entropy_vehicle.PAPER_VEHICLE, sb3_entropy_vehicle.TORQUE_ACROBOT):
        found[f"{env_id} random"] = earned(env_id, {}, False)
    return found


def main(argv: list[str] | None = None) -> int:
    """
    :param argv: the arguments; those of the process if ``None``
    :return: 1 with ``--strict`` if a ratio is missed, or else 0
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--returns", action="store_true", help="what controller and chance earn, instead of times")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a ratio is missed")
    given = parser.parse_args(argv)
    found = table() if given.returns else rates(given.rounds, given.steps)
    print(json.dumps(found, indent=1))
    if given.returns or not given.strict:
        return 0
    goals = {name: case[2] or 0.0 for name, case in CASES.items()}
    met = all(row["of_half_cheetah"] >= goals[name] and row["batch_faster"] >= FASTER for name, row in found.items())
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
