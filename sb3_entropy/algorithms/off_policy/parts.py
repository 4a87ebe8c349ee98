"""What a path works with."""

from dataclasses import dataclass

from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.sac.policies import Actor, SACPolicy


@dataclass(frozen=True, eq=False)
class Parts:
    """
    :param policy: with the actor, the soft critics and their targets
    :param replay_buffer: where transitions come from
    :param plain_critic: the plain critics, with their ``optimizer``; None where there are none
    :param plain_critic_target: their targets
    :param target_actor: what draws ã'; None for the actor
    :param actor_on_target_critics: whether the actor ascends the target critics (Liu et al. 2020, Fig. 1)
    :param env: what normalises observations and rewards of the buffer; None for nothing
    """

    policy: SACPolicy
    replay_buffer: ReplayBuffer
    plain_critic: ContinuousCritic | None = None
    plain_critic_target: ContinuousCritic | None = None
    target_actor: Actor | None = None
    actor_on_target_critics: bool = False
    env: VecNormalize | None = None

    @property
    def critics(self) -> list[ContinuousCritic]:
        """The online critics, group after group."""
        return [critic for critic in (self.policy.critic, self.plain_critic) if critic is not None]

    @property
    def target_critics(self) -> list[ContinuousCritic]:
        """Their targets."""
        return [critic for critic in (self.policy.critic_target, self.plain_critic_target) if critic is not None]

    @property
    def actors(self) -> list[Actor]:
        """The actor, and the target actor where there is one."""
        return [actor for actor in (self.policy.actor, self.target_actor) if actor is not None]

    def same(self, other: "Parts") -> bool:
        """:return: whether they are the same objects"""
        return all(one is another for one, another in zip(vars(self).values(), vars(other).values(), strict=True))
