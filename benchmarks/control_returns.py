"""What ``python -m benchmarks.control --returns`` prints: the controllers' returns and those of chance."""

from typing import Any

import numpy as np
import sb3_entropy_vehicle
from gymnasium import spaces
from sb3_entropy_vehicle import Balance, Chase, Pursuit

from sb3_entropy.vec_env.native import make_native_vec_env

TRACKS = ("circle", "lane_change", "figure_eight")
ROADS: tuple[tuple[str, float], ...] = (
    ("kinematic", 1.0),
    ("linear", 1.0),
    ("slip", 1.0),
    ("slip", 0.4),
    ("slip", 0.1),
)
CONTROLLERS: dict[str, Any] = {
    sb3_entropy_vehicle.VEHICLE: Pursuit,
    sb3_entropy_vehicle.PAPER_VEHICLE: Chase,
    sb3_entropy_vehicle.TORQUE_ACROBOT: Balance,
}
#: of short episodes, where there is no controller: what is best is known exactly
SMALL = (
    "sb3_entropy_gridworld:entropy/Gridworld-v0",
    "sb3_entropy_bifurcation:entropy/Bifurcation-v0",
    "sb3_entropy_bifurcation:entropy/WideBifurcation-v0",
    "sb3_entropy_bifurcation:entropy/Obstacle2D-v0",
)


def earned(env_id: str, settings: dict[str, Any], controlled: bool, n_episodes: int = 20) -> dict[str, float]:
    """
    :param env_id: an environment whose actions are a box or discrete
    :param settings: its own
    :param controlled: whether its controller drives, or random actions do
    :param n_episodes: seeds 0, 1, …
    :return: mean and standard deviation of the returns, the mean length, and the greatest distance to the track in m
    """
    envs = make_native_vec_env(env_id, n_episodes, seed=0, **settings)
    rng, space = np.random.default_rng(0), envs.action_space
    controller = CONTROLLERS[env_id.rpartition(":")[2]] if controlled else None
    driver, state = controller(envs.get_attr("unwrapped")[0]) if controller else None, None
    returns, lengths = np.zeros(n_episodes), np.zeros(n_episodes)
    farthest, live, seen = 0.0, np.ones(n_episodes, bool), envs.reset()
    while live.any():
        if isinstance(space, spaces.Box):
            action = rng.uniform(space.low, space.high, (n_episodes, *space.shape))
        else:
            action = rng.integers(space.n, size=n_episodes)
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
    for env_id in (sb3_entropy_vehicle.PAPER_VEHICLE, sb3_entropy_vehicle.TORQUE_ACROBOT):
        found[f"{env_id} {CONTROLLERS[env_id].__name__.lower()}"] = earned(env_id, {}, True)
        found[f"{env_id} random"] = earned(env_id, {}, False)
    for env_id in SMALL:
        found[f"{env_id.partition(':')[2]} random"] = earned(env_id, {}, False, 1000)
    return found
