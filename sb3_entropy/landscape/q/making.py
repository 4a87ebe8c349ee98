"""A model of Stable-Baselines3's or of ours as the subject of a probe of Q."""

from collections.abc import Callable
from typing import Any, Self

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.algorithms.sac_adaent import SACAdaEnt
from sb3_entropy.errors import check_number
from sb3_entropy.landscape.candidates.normalizing import Normalizer, normalizer_of
from sb3_entropy.landscape.q.alpha import Alpha, alpha_of
from sb3_entropy.landscape.q.behaviours import behaviour_of
from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.features import Features, check_readable, is_readable
from sb3_entropy.landscape.q.fitting import Fitting, fit_critics
from sb3_entropy.landscape.q.gathering import Stage, mixed
from sb3_entropy.landscape.q.held_out import TAIL, calibration, play_held_out, steps_until
from sb3_entropy.landscape.q.own import own_critics
from sb3_entropy.landscape.q.subject import Known, Subject, Visited
from sb3_entropy.landscape.q.transitions import Transitions, check_buffer, of_buffer, thinned, together
from sb3_entropy.policies.normalisation import reward_scale as scale_of

#: steps that are played to fit critics on, where an environment is named
ROLLOUT_STEPS = 20_000
#: one in so many of the episodes that are played for it goes on beyond its time limit: critics bootstrap there, and
#: would know nothing of what follows
EVERY = 8


def subject_of_model(
    model: BaseAlgorithm,
    *,
    env: str | Callable[[], gym.Env[Any, Any]] | None = None,
    env_kwargs: dict[str, Any] | None = None,
    replay_buffer: ReplayBuffer | None = None,
    normalize: VecNormalize | str | None = "model",
    reward_scale: float | None = None,
    ent_coef: float | None = None,
    std: float | None = None,
    own: bool | None = None,
    episodes: int = 32,
    refits: int = 3,
    updates: int = 20_000,
    uniform_share: float = 0.25,
    rollout_steps: int | None = None,
    fitting: Fitting | None = None,
    seed: int = 0,
    name: str | None = None,
) -> Subject:
    """
    An agent, with critics of its policy as it is now, the states that it visits, and how far the critics can be
    trusted. Nothing of the model is changed, nor any generator: a training that goes on is the same, bit for bit.

    Critics are fitted to fresh episodes in which a share of the actions, and the first of every other episode, is drawn
    uniformly, and to the replay buffer, if there is one: by itself it may hardly know what the policy does now. Visited
    are episodes of the policy as it draws its actions; a deterministic policy's have no noise but the σ that was named.
    They, and twice as many with one uniform action each, are what the critics are held against: neither is fitted to.

    Rewards and returns are in the environment's units, also under ``VecNormalize``, whose divided rewards α is
    multiplied back from: where SAC has learned from r/c with its α, it is cα here. A named α is in these units.

    :param model: over a bounded box of actions
    :param env: the environment, by its id or a function that makes one; None if there is a replay buffer alone, and
        then its last episodes are what is visited, and nothing is calibrated
    :param env_kwargs: settings of an environment that is named by its id
    :param replay_buffer: of the agent's training; None for fresh episodes alone
    :param normalize: with whose statistics observations are normalised, ``"model"`` for the model's environment's
    :param reward_scale: what rewards were divided by in training; None for what ``normalize`` says
    :param ent_coef: α > 0 of the soft critics; None for the model's own, if it has one
    :param std: σ of a Gaussian about a deterministic policy, see :class:`~sb3_entropy.landscape.q.behaviours.Noisy`
    :param own: whether to take the agent's own critics; None for SACAdaEnt's alone, at its own α
    :param episodes: that are looked at
    :param refits: critics of each kind
    :param updates: steps of gradient descent
    :param uniform_share: of uniform actions in fresh episodes
    :param rollout_steps: how many steps are played to fit on; None for 20,000 where an environment is named
    :param fitting: how else to fit, in the place of ``refits`` and ``updates``
    :param seed: of everything
    :param name: what a title calls it; None for algorithm, environment and step
    :return: the subject
    :raises TypeError: if an argument is of a wrong kind, or nothing is known of how the policy acts
    :raises ValueError: if one is out of range, there are no data, they are of another environment, or do not go
        together, before anything is played; if a fit diverges
    """
    check_number("episodes", episodes, low=1, integer=True)
    check_number("uniform_share", uniform_share, low=0, high=1)
    check_number("seed", seed, low=0, high=2**31 - 1, integer=True)
    if rollout_steps is not None:
        check_number("rollout_steps", rollout_steps, low=0, integer=True)
    fitting = Fitting(refits=refits, updates=updates) if fitting is None else fitting
    behaviour = behaviour_of(model.policy, std)
    normalizer, _ = normalizer_of(model, normalize)
    scale = _divisor(model, normalize) if reward_scale is None else float(reward_scale)
    alpha = alpha_of(model, behaviour, ent_coef, std, scale)
    owned = _owned(model, own, ent_coef, alpha, scale)
    if owned is None:
        check_readable(model.observation_space)
    if env is None and replay_buffer is None:
        raise ValueError(
            "There is nothing to look at: a model has no states, and none of its files has the data that plain critics "
            "are fitted to. Name the environment, env='Pendulum-v1', or give the replay buffer of its training."
        )
    if replay_buffer is not None:
        check_buffer(replay_buffer, model.observation_space, model.action_space)
    if rollout_steps and env is None:
        raise ValueError(f"rollout_steps={rollout_steps} are to be played, but no environment was named. Give env.")
    gamma = float(getattr(model, "gamma", 0.99))
    n_steps = rollout_steps if rollout_steps is not None else 0 if env is None else ROLLOUT_STEPS
    if owned is None and replay_buffer is None and n_steps == 0:
        raise ValueError("rollout_steps=0 leaves nothing to fit critics to. Give a replay buffer, or play some steps.")
    sources = _Sources(model, behaviour, normalizer, env, env_kwargs, replay_buffer, gamma)
    with sources:
        held = None if env is None else play_held_out(sources.stage, episodes, gamma, _seed(seed, 0))
        visited = sources.last_episodes(episodes) if held is None else held.visited
        data = sources.to_fit(n_steps if owned is None else 0, uniform_share, fitting.most, _seed(seed, 1))
        features = Features(model.observation_space, data.observations) if data is not None else None
        if owned is not None:
            plain, soft = owned
        else:
            assert data is not None
            assert features is not None
            own_seed = _seed(seed, 2)
            plain, soft = fit_critics(
                data, features, behaviour, gamma=gamma, ent_coef=alpha.ent_coef, fitting=fitting, seed=own_seed
            )
    found = None if held is None else calibration(plain, behaviour, held, gamma, _seed(seed, 3))
    remarks = [*alpha.remarks]
    if env is None:
        remarks.append("The states are those of the last episodes in the replay buffer, its training's noise in them.")
    if replay_buffer is not None and not replay_buffer.handle_timeout_termination:
        remarks.append("The replay buffer knows no time limits: each end in it was taken for a terminal one.")
    remarks += alpha.warnings(visited.rewards, behaviour.n_actions)
    return Subject(
        name=_name(model, env) if name is None else name,
        behaviour=behaviour,
        action_space=model.action_space,  # type: ignore[arg-type]
        plain=plain,
        soft=soft,
        visited=Visited(visited.observations, visited.episodes),
        known=None if data is None or features is None else _known(features, data),
        calibration=found,
        are_own=owned is not None,
        gamma=gamma,
        remarks=tuple(remarks),
    )


def has_own(model: BaseAlgorithm, own: bool | None, ent_coef: float | None) -> bool:
    """
    :param model: an agent
    :param own: as :func:`subject_of_model` takes it
    :param ent_coef: α that was named
    :return: whether its own critics are looked at, and none are fitted
    """
    return (isinstance(model, SACAdaEnt) and ent_coef is None) if own is None else own


class _Sources:
    """Where states and transitions come from."""

    def __init__(
        self,
        model: BaseAlgorithm,
        behaviour: Behaviour,
        normalizer: Normalizer,
        env: Any,
        env_kwargs: dict[str, Any] | None,
        replay_buffer: ReplayBuffer | None,
        gamma: float,
    ):
        spaces = (model.observation_space, model.action_space)
        self._replay_buffer, self._normalizer, self._gamma = replay_buffer, normalizer, gamma
        self._stage = None if env is None else Stage(env, behaviour, *spaces, normalizer, env_kwargs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stage is not None:
            self._stage.close()

    @property
    def stage(self) -> Stage:
        """:return: where the policy plays"""
        assert self._stage is not None
        return self._stage

    def to_fit(self, n_steps: int, uniform_share: float, most: int, seed: int) -> Transitions | None:
        """:return: so many steps that are played, and of the buffer's what there is room for; None if there are none"""
        parts = []
        room = max(most - n_steps, most // 2)
        if self._replay_buffer is not None and is_readable(self._replay_buffer.observation_space):
            parts.append(thinned(of_buffer(self._replay_buffer, self._normalizer), room))
        if n_steps:
            mix, beyond = mixed(uniform_share), steps_until(self._gamma, TAIL)
            parts.append(self.stage.play(seed, mix=mix, steps=n_steps, beyond=beyond, every=EVERY).transitions)
        return together(parts) if parts else None

    def last_episodes(self, episodes: int) -> Transitions:
        """:return: so many of the buffer"""
        assert self._replay_buffer is not None
        transitions = of_buffer(self._replay_buffer, self._normalizer)
        starts = transitions.starts()
        return transitions.rows(slice(int(starts[max(len(starts) - 1 - episodes, 0)]), None))


def _owned(
    model: BaseAlgorithm, own: bool | None, ent_coef: float | None, alpha: Alpha, scale: float
) -> tuple[Critics, Critics | None] | None:
    """:return: its own plain and soft critics; None if they are to be fitted"""
    if not has_own(model, own, ent_coef):
        return None
    if ent_coef is not None:
        raise ValueError(
            f"own=True takes the agent's critics, which know its own α alone, but ent_coef={ent_coef:g} names another. "
            "Leave one of them out."
        )
    plain, own_soft = own_critics(model, alpha.ent_coef or 0.0, scale)
    if plain is None:
        raise ValueError(
            f"{type(model).__name__} has no plain critics of its own: SACAdaEnt, TD3 and DDPG have. Let them be "
            "fitted: own=False."
        )
    return plain, own_soft if alpha.ent_coef is not None else None


def _divisor(model: BaseAlgorithm, normalize: VecNormalize | str | None) -> float:
    """:return: what rewards are divided by in training"""
    found = model.get_vec_normalize_env() if normalize == "model" else normalize
    return scale_of(found if isinstance(found, VecNormalize) else None)


def _known(features: Features, transitions: Transitions) -> Known:
    some = thinned(transitions, 20_000)
    return Known(features(some.observations), some.actions, features)


def _name(model: BaseAlgorithm, env: Any) -> str:
    where = (
        env if isinstance(env, str) else getattr(env, "__qualname__", None) if env is not None else "a replay buffer"
    )
    return f"{type(model).__name__} on {where}, step {model.num_timesteps:,}"


def _seed(seed: int, purpose: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(purpose,)).generate_state(1)[0] >> 1)
