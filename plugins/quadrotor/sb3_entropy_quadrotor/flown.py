"""
``python -m sb3_entropy_quadrotor.flown``: what the controllers earn, task by task and model by model, as Markdown.
"""

import argparse
import sys

import gymnasium as gym
import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy_quadrotor.controller import PDController
from sb3_entropy_quadrotor.env import MODELS
from sb3_entropy_quadrotor.paper_controller import PaperController
from sb3_entropy_quadrotor.trajectories import TASKS


def flown(task: str, model: str, episodes: int, seed: int = 0, controlled: bool = True) -> tuple[float, float, float]:
    """
    :param task: of the environment
    :param model: of the environment
    :param episodes: how many, at least 1
    :param seed: of the first; the others have the ones that follow
    :param controlled: whether the controller flies, not uniform actions
    :return: means over the episodes: return, root mean square of the position error in m, and the greatest position
        error after the first 2 s in m, not a number where no episode lasts that long
    :raises ValueError: if there is no such task or model, or fewer than one episode
    """
    check_number("episodes", episodes, 1, integer=True)
    env = gym.make("entropy/Quadrotor-v0", task=task, model=model)
    controller = PaperController(env) if model == "paper" else PDController(env)
    env.action_space.seed(seed)
    found = []
    for number in range(episodes):
        seen, _ = env.reset(seed=seed + number)
        earned, errors, times, state, over = 0.0, [], [], None, False
        while not over:
            action, state = controller.predict(seen, state) if controlled else (env.action_space.sample(), None)
            seen, reward, terminated, truncated, info = env.step(action)
            earned, over = earned + float(reward), terminated or truncated
            errors.append(info.get("position_error", float(np.linalg.norm(seen[:3]))))
            times.append(info["time"])
        late = max((error for error, time in zip(errors, times, strict=True) if time > 2.001), default=np.nan)
        found.append((earned, float(np.sqrt(np.mean(np.square(errors)))), late))
    env.close()
    mean, rms, late = np.mean(found, axis=0).tolist()
    return mean, rms, late


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status, 0
    """
    parser = argparse.ArgumentParser("python -m sb3_entropy_quadrotor.flown", description=__doc__)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print("| task | model | random | controller | RMS | after 2 s |")
    print("|---|---|---:|---:|---:|---:|")
    for task in TASKS:
        for model in (*MODELS, "paper") if task == "line" else MODELS:
            chance, _, _ = flown(task, model, options.episodes, options.seed, controlled=False)
            mean, rms, late = flown(task, model, options.episodes, options.seed)
            print(f"| {task} | {model} | {chance:.1f} | {mean:.1f} | {100 * rms:.1f} cm | {100 * late:.1f} cm |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
