"""
The family's one training loop: the on-policy one, whose rollouts are fragments that actors have collected.

An algorithm of the family says what its actors are, and what an update is.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv

from sb3_entropy.algorithms.actors.batch import at_step, fill, side_by_side
from sb3_entropy.algorithms.actors.messages import Fragment, Lesson, Weights
from sb3_entropy.algorithms.actors.pool import Pool
from sb3_entropy.algorithms.actors.setup import ActorsSetup
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.vec_env.copies import recipe
from sb3_entropy.vec_env.following import merge, statistics
from sb3_entropy.vec_env.monitor_files import write_episodes


class AsynchronousAlgorithm(ActorsSetup):
    """
    What SIMPALA and SA3C have in common (Liu et al. 2020, Section 5; Espeholt et al. 2018; Mnih et al. 2016).

    Actors act in copies of the environments, each with the newest weights when it begins a fragment of ``n_steps``
    steps. The learner updates from the first ``n_fragments`` that come, puts new weights, and asks those actors again;
    it waits for nobody else. A fragment's lag is how many updates there were since its weights were put.

    The environments that the model is given are what is copied: as many of them as there are, ``n_envs``, are stepped
    by *each* actor. They themselves are not stepped. ``VecNormalize`` stays the learner's: actors normalise with the
    statistics that come with the weights, and what they have seen is added to them with their fragment.

    Callbacks are called in the learner when a fragment has come: of each of its steps with Stable-Baselines3's local
    variables, in which the environments are those of an update's fragments side by side.

    :param n_actors: how many actors there are
    :param engine: where: ``"serial"``, in this process, one after the other, reproducible bit for bit; ``"process"``,
        in processes of this machine; ``"ray"``, on a cluster. A script with processes of its own needs
        ``if __name__ == "__main__":``
    :param ray_address: the Ray cluster to join, ``"host:port"``, or ``"auto"``; None for a Ray that is started here
    :param n_fragments: fragments an update, of different actors
    :param max_policy_lag: fragments with a larger lag are dropped, and counted; None for no bound. No more are asked
        for than can be in time if they come in order; with 0 these are as many as an update needs, and it waits for
        their actors, be they slow
    :param weights_delay: actors get the weights of so many updates ago; to study what lag does
    """

    #: what went to the actors with the last weights besides them
    _last_settings: Mapping[str, Any] = MappingProxyType({})

    # ------------------------------------------------------------------ fragments

    def _collect(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        (self._flat_policy or self.policy).set_training_mode(False)
        callback.on_rollout_start()
        self._choose_path()  # the callback may have changed anything
        self._version += 1
        try:
            fragments = self._gather(n_rollout_steps)
        except BaseException:  # whatever it is, no actors are left behind
            self.close()
            raise
        if not self._replay_to(callback, fragments):
            return False
        self._last_obs = side_by_side([one.last_observations for one in fragments], axis=0)
        last_values, dones = self._fill(fragments)
        values = th.from_numpy(last_values)[:, None]
        try:
            self.rollout_buffer.compute_returns_and_advantage(values, dones)
        except Exception as error:
            actors = ", ".join(str(fragment.actor) for fragment in fragments)
            error.add_note(f"The environments of this update are {self.n_envs} of each of the actors {actors}.")
            raise
        n_envs = sum(fragment.shape[1] for fragment in fragments)
        callback.update_locals({"n_steps": n_rollout_steps, "dones": dones[:n_envs], "values": values[:n_envs]})
        callback.on_rollout_end()
        return True

    def _gather(self, n_steps: int) -> list[Fragment]:
        """
        Put the weights, and take the first fragments that come.

        :param n_steps: how long a fragment is
        :return: ``n_fragments`` of them, of different actors, none of which lags too much
        :raises EngineError: if actors die again and again, or the engine cannot go on
        """
        pool = self._hire_actors()
        self._put_weights(self._settings(n_steps))
        fragments: list[Fragment] = []
        came: list[Fragment] = []
        while (missing := self.n_fragments - len(fragments)) > 0:
            for fragment in self._take(pool, missing, {fragment.actor for fragment in fragments}):
                for infos in fragment.infos:
                    write_episodes(self.env, infos)  # type: ignore[arg-type]
                came.append(fragment)
                if self._lag(fragment) > self._largest_lag or fragment.shape[0] != n_steps:
                    self._drop(fragment)
                else:
                    fragments.append(fragment)
        for fragment in _by_actor(came):  # whichever came first, the sums are the same
            if self._vec_normalize_env is not None and fragment.moments is not None:
                merge(self._vec_normalize_env, fragment.moments)
        self._log_actors(fragments)
        return _by_actor(fragments)

    def _take(self, pool: Pool, most: int, here: Collection[int]) -> list[Any]:
        """
        Ask whoever waits, and wait for the first.

        :param most: how many fragments to take
        :param here: the numbers of the actors whose fragments are there
        :return: fragments
        """
        version = self._version - (len(self._put) - 1)
        pool.ask(self._put[0], version, here, self._most_under_way(len(here)), self._version - self._largest_lag)
        try:
            return pool.take(most)
        finally:
            self._note_replaced(pool)

    def _note_replaced(self, pool: Pool) -> None:
        """The episodes of an actor that has died never end; its successor's begin."""
        for actor in pool.replaced:
            self.journal.drop_unfinished(self._envs_of(actor))
        self.n_replaced_actors += len(pool.replaced)
        pool.replaced.clear()

    def _put_weights(self, settings: dict[str, Any]) -> None:
        if settings != self._last_settings:
            self._put.clear()  # what goes with older weights is of no use any more
        self._last_settings = settings
        weights = Weights(
            version=self._version,
            parameters=Snapshot(self.policy),
            statistics=None if self._vec_normalize_env is None else statistics(self._vec_normalize_env),
            beginning=self._beginning,
            settings=settings,
            lesson=self._lesson(settings["n_steps"]),
        )
        self._put.append(self._hire_actors().share(weights))
        while len(self._put) > self.weights_delay + 1:
            self._put.popleft()

    @abstractmethod
    def _lesson(self, n_steps: int) -> Lesson | None:
        """
        :param n_steps: how long a fragment is
        :return: how actors that learn do it; None if the learner does
        """

    def _most_under_way(self, here: int) -> int | None:
        """:return: how many fragments may be under way so that none has to lag too much, if they come in order"""
        if self.max_policy_lag is None:
            return None
        return self.n_fragments * (self.max_policy_lag - self.weights_delay + 1) - here

    @property
    def _largest_lag(self) -> int:
        """With which fragments are learned from."""
        return self._version if self.max_policy_lag is None else self.max_policy_lag

    def _lag(self, fragment: Fragment) -> int:
        return self._version - fragment.version

    def _envs_of(self, actor: int) -> np.ndarray:
        """:return: the numbers of its environments among all, shape (N,)"""
        return actor * self.n_envs + np.arange(self.n_envs)

    def _drop(self, fragment: Fragment) -> None:
        """Its steps were taken, and its episodes are episodes, but nothing is learned from them."""
        self.n_dropped_fragments += 1
        self.num_timesteps += fragment.rewards.size
        self.journal.lose_bonuses(fragment.infos, self._envs_of(fragment.actor))
        ends = [*fragment.episode_starts[1:], fragment.dones]
        for infos, dones in zip(fragment.infos, ends, strict=True):
            BaseAlgorithm._update_info_buffer(self, infos, dones)

    def _log_actors(self, fragments: Sequence[Fragment]) -> None:
        for fragment in fragments:
            self.logger.record_mean("actors/policy_lag", self._lag(fragment))
            self.logger.record_mean("time/fragment_seconds", fragment.seconds)
        self.logger.record("actors/dropped_fragments", self.n_dropped_fragments)
        self.logger.record("actors/replaced", self.n_replaced_actors)

    def _replay_to(self, callback: BaseCallback, fragments: Sequence[Fragment]) -> bool:
        """
        Show the callback the steps of fragments, as if they were taken now.

        :return: False if it has ended the training
        """
        buffer = self.rollout_buffer
        fill(buffer, fragments)
        self._rollout_envs = np.concatenate([self._envs_of(fragment.actor) for fragment in fragments])
        last = side_by_side([fragment.last_observations for fragment in fragments], axis=0)
        dones_after = side_by_side([fragment.dones for fragment in fragments], axis=0)
        rewards = side_by_side([fragment.rewards for fragment in fragments])
        n_steps, n_envs = rewards.shape
        actions = buffer.actions.reshape(n_steps, n_envs, *self.action_space.shape)  # type: ignore[misc]
        clipped = [
            side_by_side(parts, axis=0) for parts in zip(*(one.clipped_actions for one in fragments), strict=True)
        ]
        values, log_probs = th.from_numpy(buffer.values)[:, :, None], th.from_numpy(buffer.log_probs)
        observations = buffer.observations
        tensors = None if observations is None else obs_as_tensor(observations, self.device)
        callback.update_locals(
            {"self": self, "callback": callback, "env": self.env, "rollout_buffer": buffer, "n_rollout_steps": n_steps}
        )
        for step in range(n_steps):
            ended = step + 1 == n_steps
            buffer.pos = step
            infos = [info for fragment in fragments for info in fragment.infos[step]]
            dones = dones_after if ended else buffer.episode_starts[step + 1].astype(bool)
            self.num_timesteps += n_envs
            seen = {
                "n_steps": step,
                "actions": actions[step],
                "clipped_actions": clipped[step],
                "values": values[step],
                "log_probs": log_probs[step],
                "rewards": rewards[step],
                "dones": dones,
                "infos": infos,
            }
            if tensors is not None:
                seen["obs_tensor"] = at_step(tensors, step)
                seen["new_obs"] = last if ended else at_step(observations, step + 1)
            callback.update_locals(seen)
            if not callback.on_step():
                # What they add to their episodes will not be known.
                told = [info for fragment in fragments for infos in fragment.infos[:step] for info in infos]
                self.journal.lose_bonuses([told], self._rollout_envs)
                return False
            self._update_info_buffer(infos, dones)
            if dones.any():
                callback.update_locals(self._at_time_limit(infos, step, rewards))
            callback.update_locals({"idx": n_envs - 1, "done": dones[-1]})
        buffer.pos = n_steps
        return True

    def _at_time_limit(self, infos: Sequence[dict[str, Any]], step: int, rewards: np.ndarray) -> dict[str, Any]:
        """:return: what the loop shows of the last episode that a time limit has ended in a step; nothing without"""
        limited = [env for env, info in enumerate(infos) if info.get("TimeLimit.truncated", False)]
        if not limited or infos[limited[-1]].get("terminal_observation") is None:
            return {}
        at = step, limited[-1]
        observation = self.policy.obs_to_tensor(infos[at[1]]["terminal_observation"])[0]
        # The reward has γ times it; at γ = 0 nobody has it.
        value = (self.rollout_buffer.rewards[at] - rewards[at]) / self.gamma if self.gamma else np.nan
        return {"terminal_obs": observation, "terminal_value": th.tensor([value], dtype=th.float32)}

    @abstractmethod
    def _fill(self, fragments: Sequence[Fragment]) -> tuple[np.ndarray, np.ndarray]:
        """
        Make the rollout buffer ready for the returns. It is filled with the fragments, and what their actors have
        found.

        :return: V(s_T), and whether the last step has ended the episode, each of shape (N,)
        """

    # ------------------------------------------------------------------ learn

    def _setup_learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        reset_num_timesteps: bool = True,
        tb_log_name: str = "run",
        progress_bar: bool = False,
    ) -> tuple[int, BaseCallback]:
        self._beginning += reset_num_timesteps
        if self._pool is None and self.env is not None:
            self._recipe = recipe(self.env)
        if self._pool is not None and reset_num_timesteps:
            self._pool.discard()  # of episodes that are not gone on with
            self._put.clear()  # older weights would let actors go on with them
        return super()._setup_learn(total_timesteps, callback, reset_num_timesteps, tb_log_name, progress_bar)


def _by_actor(fragments: Sequence[Fragment]) -> list[Fragment]:
    return sorted(fragments, key=lambda fragment: fragment.actor)
