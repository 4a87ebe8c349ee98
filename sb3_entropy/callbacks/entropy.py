"""Log the entropy of a policy while it is trained, whoever's algorithm it is."""

from dataclasses import dataclass

from stable_baselines3.common.buffers import ReplayBuffer, RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback

from sb3_entropy.errors import check_number
from sb3_entropy.policies.describing import describe_policy
from sb3_entropy.policies.laws import check_has_law
from sb3_entropy.policies.observations import sample_states


@dataclass(frozen=True)
class EntropyPoint:
    """
    What was seen at one moment of the training.

    :param timesteps: steps of all environments so far
    :param values: by log key, see :func:`~sb3_entropy.policies.describing.describe_policy`
    """

    timesteps: int
    values: dict[str, float]


class EntropyCallback(BaseCallback):
    """
    Logs the policy's entropy, its σ and the share of its density outside the action box, under the keys under which
    this package's algorithms log them: of PPO, A2C, TRPO, SAC, TQC, CrossQ, TD3, DDPG, DQN, QR-DQN and ours.

    It looks at the end of the first rollout after every ``eval_freq`` steps, and after the last update, in at most 256
    states that the policy has just visited: evenly spaced in the rollout, or in the newest 2048 transitions of the
    replay buffer, normalised as the policy sees them. So in an on-policy training the policy is the one that has
    collected the states. The numbers are written at once, and kept in ``history``. The training remains what it would
    have been, bit for bit.

    :param eval_freq: steps of all environments between two looks
    :param verbose: 1 prints a line a look
    :raises TypeError: if ``eval_freq`` is no number; at the start of the training, if the policy has no law at an
        observation, as a recurrent one
    :raises ValueError: if it is out of range; at the start of the training, if the algorithm keeps its observations in
        neither a rollout nor a replay buffer

    :ivar history: what was seen, in order; a training that starts from 0 steps starts it anew
    """

    def __init__(self, eval_freq: int = 10_000, verbose: int = 0):
        super().__init__(verbose)
        check_number("eval_freq", eval_freq, low=1, integer=True)
        self.eval_freq = eval_freq
        self.history: list[EntropyPoint] = []
        self._next = 0

    def _init_callback(self) -> None:
        check_has_law(self.model.policy)
        self._buffer()

    def _on_training_start(self) -> None:
        if self.model.num_timesteps == 0:
            self.history = []
        self._next = self._after(self.model.num_timesteps)

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.model.num_timesteps >= self._next:
            self._look()

    def _on_training_end(self) -> None:
        self._look()

    def _after(self, timesteps: int) -> int:
        return (timesteps // self.eval_freq + 1) * self.eval_freq

    def _buffer(self) -> RolloutBuffer | ReplayBuffer:
        for name in ("rollout_buffer", "replay_buffer"):
            buffer = getattr(self.model, name, None)
            if isinstance(buffer, (RolloutBuffer, ReplayBuffer)):
                return buffer
        raise ValueError(
            "EntropyCallback looks at the policy in the observations of a rollout or replay buffer, but "
            f"{type(self.model).__name__} has none."
        )

    def _look(self) -> None:
        timesteps = self.model.num_timesteps
        states = sample_states(self._buffer(), self.model.get_vec_normalize_env())
        if states is None:
            return
        self._next = self._after(timesteps)
        values = describe_policy(self.model.policy, states)
        self.history.append(EntropyPoint(timesteps, values))
        for key, value in values.items():
            self.logger.record(key, value)
        # Stable-Baselines3 writes its log before it trains, and an off-policy one at the end of an episode.
        self.logger.record("time/total_timesteps", timesteps, exclude="tensorboard")
        self.logger.dump(timesteps)
        if self.verbose:
            numbers = ", ".join(f"{key.removeprefix('train/')} {value:.4g}" for key, value in values.items())
            print(f"policy after {timesteps:,} steps: {numbers}")
