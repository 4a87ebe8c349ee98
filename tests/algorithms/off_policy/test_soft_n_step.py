"""The soft n-step return, against a walk through the buffer one step at a time."""

import numpy as np
import pytest
import torch as th
from contracts.envs import make_env
from gymnasium import spaces
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.sac.policies import SACPolicy

from sb3_entropy import SDDPG
from sb3_entropy.algorithms.off_policy.soft_n_step import SoftNStepReplayBuffer, entropies_between

STATES = spaces.Box(-np.inf, np.inf, (1,))
ACTIONS = spaces.Box(-1, 1, (1,))
SIZE, N_STEPS, GAMMA = 7, 3, 0.9


def filled(cls: type[NStepReplayBuffer], n_added: int, gamma: float = GAMMA) -> NStepReplayBuffer:
    """Two environments; an end in the first after steps 2 and 8, a time limit in the second after step 4."""
    buffer = cls(SIZE * 2, STATES, ACTIONS, device="cpu", n_envs=2, n_steps=N_STEPS, gamma=gamma)
    for t in range(n_added):
        at = np.array([[t], [100.0 + t]])
        ends, limits = np.array([t in (2, 8), t == 4]), [False, t == 4]
        infos = [{"TimeLimit.truncated": limit} for limit in limits]
        buffer.add(at, at + 0.5, np.zeros((2, 1)), np.array([1.0, 2.0]), ends, infos)
    return buffer


@pytest.mark.parametrize("gamma", [GAMMA, 1.0])
@pytest.mark.parametrize("n_added", [5, 12])
def test_the_states_between_are_those_that_the_return_passes(n_added: int, gamma: float) -> None:
    buffer = filled(SoftNStepReplayBuffer, n_added, gamma)
    np.random.seed(3)
    samples = buffer.sample(200)
    for i, start in enumerate(samples.observations.flatten().tolist()):
        env, t = divmod(int(start), 100)
        stops = (2, 8) if env == 0 else (4,)
        passed = []
        while len(passed) < N_STEPS - 1 and t not in stops and t != n_added - 1:
            t += 1
            passed.append(100.0 * env + t)
        discounts = [gamma ** (k + 1) for k in range(len(passed))]
        assert samples.between_discounts[:, i].tolist() == pytest.approx(discounts + [0.0] * (2 - len(passed)))
        assert samples.between[: len(passed), i].flatten().tolist() == passed


def test_the_rest_is_the_parents() -> None:
    ours, theirs = filled(SoftNStepReplayBuffer, 12), filled(NStepReplayBuffer, 12)
    np.random.seed(5)
    found = ours.sample(64)
    after = np.random.rand()
    np.random.seed(5)
    expected = theirs.sample(64)
    assert np.random.rand() == after
    for name in expected._fields:
        assert th.equal(getattr(found, name), getattr(expected, name)), name


def test_each_state_adds_its_entropy() -> None:
    """A law that is the same in every state: with its own draws at hand, by a sum of Python's."""
    actor = SACPolicy(STATES, ACTIONS, lambda _: 0.0, net_arch=[4]).actor
    batch = filled(SoftNStepReplayBuffer, 12).sample(5)
    th.manual_seed(1)
    found = entropies_between(actor, batch, 0.3)
    th.manual_seed(1)
    _, log_prob = actor.action_log_prob(batch.between.reshape(-1, 1))
    for i in range(5):
        terms = [float(batch.between_discounts[k, i] * log_prob[5 * k + i].detach()) for k in range(2)]
        assert float(found[i]) == pytest.approx(-0.3 * sum(terms), rel=1e-5)


def test_it_is_asked_for_by_name() -> None:
    model = SDDPG("MlpPolicy", make_env(), n_steps=3, soft_n_step=True, buffer_size=300, learning_starts=5, seed=0)
    assert type(model.replay_buffer) is SoftNStepReplayBuffer
    assert (model.n_steps, model.replay_buffer_class, model.replay_buffer_kwargs) == (3, None, {})
    model.learn(8)
    assert model._n_updates == 3
    with pytest.raises(ValueError, match=r"soft_n_step=True adds the entropy.* n_steps=1"):
        SDDPG("MlpPolicy", make_env(), soft_n_step=True)
    with pytest.raises(ValueError, match="has a replay buffer of its own"):
        SDDPG("MlpPolicy", make_env(), n_steps=2, soft_n_step=True, replay_buffer_class=NStepReplayBuffer)
