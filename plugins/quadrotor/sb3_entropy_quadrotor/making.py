"""What ``gymnasium.make`` calls: the model decides which environment it is."""

from typing import Any

from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_quadrotor.env import MODELS, QuadrotorEnv
from sb3_entropy_quadrotor.paper import PaperQuadrotorEnv
from sb3_entropy_quadrotor.rendering import METADATA


class Making:
    """``model="paper"`` is a :class:`PaperQuadrotorEnv`, every other model a :class:`QuadrotorEnv`."""

    metadata = METADATA

    def __call__(self, *, model: str = "simple", threads: int = 1, **settings: Any) -> QuadrotorEnv | PaperQuadrotorEnv:
        """
        :param model: ``"simple"``, ``"rotor"``, ``"realistic"`` or ``"paper"``
        :param threads: of a batch; here of no account, so that what a batch was trained with makes a single one too
        :param settings: the environment's own
        :return: the environment
        :raises TypeError: if it has no such setting, or one has the wrong type
        :raises ValueError: if there is no such model, or a setting is out of its range
        """
        check_number("threads", threads, 1, integer=True)
        check_choice("model", model, (*MODELS, "paper"))
        return PaperQuadrotorEnv(**settings) if model == "paper" else QuadrotorEnv(model=model, **settings)

    def make_sb3_vec_env(
        self,
        n_envs: int,
        *,
        seed: int | None = None,
        max_episode_steps: int | None = None,
        threads: int = 1,
        **settings: Any,
    ) -> VecEnv:
        """
        Many of them stepped at once, for ``--vec-env native``.

        :param n_envs: the number of environments
        :param seed: of the first environment; environment i has ``seed + i``
        :param max_episode_steps: after how many steps an episode is cut; never if ``None``
        :param threads: that simulate, which changes nothing but the time, and nothing at all with ``model="paper"``.
            MuJoCo has a third of a batch's step, so that two threads save less than a fifth of it
        :param settings: the model, and the environments' own
        :return: the batch
        :raises TypeError: if there is no such setting, or one has the wrong type
        :raises ValueError: if there is no such model, or a setting is out of its range
        """
        world = self(threads=threads, **settings)
        batch: VecEnv
        if isinstance(world, PaperQuadrotorEnv):
            from sb3_entropy_quadrotor.paper_vec_env import PaperVecEnv

            batch = PaperVecEnv(world, n_envs, max_episode_steps)
        else:
            from sb3_entropy_quadrotor.vec_env import QuadrotorVecEnv

            batch = QuadrotorVecEnv(world, n_envs, max_episode_steps, threads)
        if seed is not None:
            batch.seed(seed)
        return batch


make = Making()
