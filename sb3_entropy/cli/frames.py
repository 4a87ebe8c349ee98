"""Pictures of a trained agent at work, for where there is no screen."""

import re
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.environments import full_id, import_packages, package_of
from sb3_entropy.errors import check_number, unknown
from sb3_entropy.files import atomic_file
from sb3_entropy.zoo.agents import Agent, find_agents
from sb3_entropy.zoo.loading import load_agent, make_test_env
from sb3_entropy.zoo.options import add_env_kwargs_option, add_packages_option, add_trust_option

COLUMNS = 4


def run_frames(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    :raises ValueError: if there is no such agent, or its environment gives no pictures
    """
    parser = ArgumentParser("sb3-entropy frames", description=f"{__doc__} Files: frame_<step>.png and sheet.png.")
    parser.add_argument("--algo", required=True, help="the algorithm")
    parser.add_argument("--env", required=True, help="the environment")
    parser.add_argument("-f", "--folder", type=Path, default=Path("logs"), help="log folder (default: logs)")
    parser.add_argument("-o", "--output", type=Path, default=Path("frames"), help="where to write (default: frames)")
    parser.add_argument("-n", "--n-timesteps", type=int, default=1000, help="how long to play (default: 1000)")
    parser.add_argument("--n-frames", type=int, default=12, help="how many pictures, evenly spaced (default: 12)")
    parser.add_argument("--deterministic", action="store_true", help="take the most likely actions, not samples")
    parser.add_argument("--seed", type=int, default=0, help="the seed of environment and actions")
    add_packages_option(parser)
    add_env_kwargs_option(parser)
    add_trust_option(parser)
    given = parser.parse_args(arguments)
    check_number("--n-timesteps", given.n_timesteps, low=1, integer=True)
    check_number("--n-frames", given.n_frames, low=1, high=given.n_timesteps, integer=True)
    import_packages([*given.gym_packages, *package_of(given.env)])
    agent = _find(given.folder, given.algo, full_id(given.env), given.trust)
    model = load_agent(agent, trust=given.trust)
    model.set_random_seed(given.seed)
    env = make_test_env(agent, given.seed, {"render_mode": "rgb_array", **(given.env_kwargs or {})}, trust=given.trust)
    frames = play(model, env, given.n_timesteps, given.n_frames, given.deterministic)
    env.close()
    for step, frame in frames.items():
        _save(frame, given.output / f"frame_{step:06d}.png")
    _save(contact_sheet(list(frames.values())), given.output / "sheet.png")
    print(f"{len(frames)} frames of {agent.file} and sheet.png are in {given.output}")
    return 0


def _find(folder: Path, algo: str, env_id: str, trust: bool) -> Agent:
    agents = list(find_agents(folder, trust))
    found = [agent for agent in agents if (agent.algo, agent.env) == (algo, env_id)]
    if not found:
        known = {f"{agent.algo} on {agent.env}" for agent in agents}
        raise ValueError(
            f"{unknown('agent', f'{algo} on {env_id}', known)} Looked below {folder}: train one, or see -f."
        )
    return max(found, key=number_and_time)


def number_and_time(agent: Agent) -> tuple[int, float]:
    """
    :param agent: a saved agent
    :return: what grows from run to run: its number, and then, for after it may come a unique name, of ``train -uuid``,
        and numbers are equal, when the agent was saved
    """
    numbers = re.findall(r"_(\d+)(?![^_])", agent.run)
    return int(numbers[-1]) if numbers else -1, agent.file.stat().st_mtime


def play(
    model: BaseAlgorithm, env: VecEnv, n_timesteps: int, n_frames: int, deterministic: bool
) -> dict[int, np.ndarray]:
    """
    :param model: who plays
    :param env: one environment that renders ``rgb_array``
    :param n_timesteps: for how long
    :param n_frames: how many pictures to take, evenly spaced
    :param deterministic: whether to take the most likely actions
    :return: pictures, (height, width, 3), uint8, by step
    :raises ValueError: if the environment gives no pictures
    """
    taken = {int(step) for step in np.linspace(0, n_timesteps - 1, n_frames)}
    frames = {}
    observation = env.reset()
    for step in range(n_timesteps):
        if step in taken:
            frame = env.render("rgb_array")
            if not isinstance(frame, np.ndarray):
                raise ValueError("The environment renders no rgb_array, so there are no pictures of it.")
            frames[step] = frame
        action, _ = model.predict(observation, deterministic=deterministic)  # type: ignore[arg-type]
        observation, *_ = env.step(action)
    return frames


def contact_sheet(frames: Sequence[np.ndarray]) -> np.ndarray:
    """
    :param frames: pictures of one size, (height, width, 3)
    :return: all of them on one white sheet, four a row, in reading order
    """
    height, width, _ = frames[0].shape
    rows = -(-len(frames) // COLUMNS)
    gap = 4
    sheet = np.full((rows * (height + gap) - gap, COLUMNS * (width + gap) - gap, 3), 255, dtype=np.uint8)
    for number, frame in enumerate(frames):
        top, left = number // COLUMNS * (height + gap), number % COLUMNS * (width + gap)
        sheet[top : top + height, left : left + width] = frame
    return sheet


def _save(picture: np.ndarray, path: Path) -> None:
    with atomic_file(path) as file:
        Image.fromarray(picture).save(file, format="png")
