"""SAC-AdaEnt: soft actor-critic that listens to plain critics where entropy misleads it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch as th
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.type_aliases import GymEnv, ReplayBufferSamples, Schedule
from stable_baselines3.sac.policies import SACPolicy

from sb3_entropy.algorithms.common.arguments import check_arguments
from sb3_entropy.algorithms.common.schedules import at
from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.algorithms.off_policy.adaptive import AdaptiveChoice
from sb3_entropy.algorithms.off_policy.algorithm import SoftOffPolicyAlgorithm
from sb3_entropy.algorithms.off_policy.bellman_targets import plain_target, soft_target
from sb3_entropy.algorithms.off_policy.path import Path
from sb3_entropy.algorithms.off_policy.plain_critics import PLAIN, copy_soft_critics, make_plain_critics, own_seed
from sb3_entropy.algorithms.off_policy.similarity.cosine import KINDS, check_threshold
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule, check_samples, make_similarity_rule
from sb3_entropy.algorithms.off_policy.targeted import Targeted
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_choice, check_number
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import EntCoef


def _check_threshold(name: str, value: Any) -> None:
    if not callable(value):
        check_threshold(value)
        return
    try:
        first = value(1.0)
    except TypeError as error:
        raise TypeError(
            f"{name} must be a number in [−1, 1] or a function of the remaining progress (1 → 0), but {value!r} fails "
            f"at progress 1: {error}."
        ) from error
    check_threshold(first)


def _check_rule(name: str, value: Any) -> None:
    make_similarity_rule(value)


def _check_blend(name: str, value: Any) -> None:
    if value is not None:
        check_number(name, value, low=0, open_low=True)


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, but {value!r} was given.")


def _one_of(*allowed: str) -> Callable[[str, Any], None]:
    return lambda name, value: check_choice(name, value, allowed)


#: what the source's code and its text do differently, by argument
VARIANTS: dict[str, dict[str, str]] = {
    "code": {"similarity": "shifted", "similarity_critics": "online", "actor_critic": "minimum"},
    "poster": {"similarity": "raw", "similarity_critics": "target", "actor_critic": "first"},
}
QUANTILES = (0.1, 0.5, 0.9)


@ALGORITHMS.register("sac_adaent")
class SACAdaEnt(SoftOffPolicyAlgorithm):
    """
    SAC with a second pair of critics that knows no entropy (Zhang, Chang, Gao 2025).

    The soft pair is drawn to r + γ(1 − d)(min_c Q̄_c(s', ã') − α log π(ã'|s')), the plain pair to
    r + γ(1 − d) min_c Q̄'_c(s', ã'). In each state the two are compared over N actions of the policy, by the cosine
    similarity of what they say; where it exceeds ε the actor ascends Q − α log π of the soft pair, elsewhere
    Q' − α log π of the plain one. At ε = −1 it is :class:`~sb3_entropy.algorithms.sddpg.SDDPG` with the minimum, which
    is Stable-Baselines3's SAC.

    Arguments up to ``_init_setup_model`` are those of Stable-Baselines3's SAC. Those that are not explained here are in
    :class:`~sb3_entropy.algorithms.off_policy.algorithm.SoftOffPolicyAlgorithm`.

    :param actor_critic: which critic of the pair that teaches is ascended: ``"minimum"``, the least, or ``"first"``;
        None for the variant's
    :param similarity_threshold: ε ∈ [−1, 1], or a function of the remaining progress; the switch is always soft at
        −1 and always plain at 1
    :param similarity: of the two vectors as they are, ``"raw"``; less the minimum of each, ``"shifted"``; or less its
        mean, ``"centred"``; None for the variant's. Of vectors with one sign the raw cosine is near 1
    :param similarity_rule: how it is found: ``"quadratic"``, from six evaluations of the critics, ``"exact"``, the
        source's, from all N samples, or by another rule, see
        :mod:`sb3_entropy.algorithms.off_policy.similarity.rules`; a key, a mapping with options, or an object
    :param similarity_samples: N; the shifted similarity depends on it
    :param similarity_critics: ``"online"`` or ``"target"``, which are compared; None for the variant's
    :param blend_temperature: None for the hard switch; a number T > 0 for the sum of both Q, the soft one with the
        weight 1/(1 + e^{−(sim − ε)/T})
    :param plain_entropy: whether α log π stays in the actor's loss where the plain pair teaches, as in the source
    :param plain_critic_init: how the plain critics begin: ``"fresh"``, or ``"copy"``, as the soft ones: of a new model,
        or of SAC's file that is loaded
    :param variant: ``"code"``, shifted, online and minimum, or ``"poster"``, raw, target and first, as the source's
        text has it; what is given beside it stands
    """

    search_space: ClassVar[SearchSpace] = {"similarity_threshold": Between(0.5, 0.95)}
    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        "_take_variant": frozenset({"variant"}),
        **SoftOffPolicyAlgorithm.made_from,
        "_make_critic_choice": frozenset({"actor_critic", "variant"}),
        "_make_adaptive": frozenset(
            {
                "similarity",
                "similarity_rule",
                "similarity_samples",
                "similarity_critics",
                "blend_temperature",
                "variant",
            }
        ),
    }

    checks: ClassVar[Mapping[str, Callable[[str, Any], None]]] = {
        "similarity_threshold": _check_threshold,
        "similarity": _one_of(*KINDS),
        "similarity_rule": _check_rule,
        "similarity_samples": lambda _, value: check_samples(value),
        "similarity_critics": _one_of("online", "target"),
        "blend_temperature": _check_blend,
        "plain_entropy": _check_flag,
        "plain_critic_init": _one_of("fresh", "copy"),
        "variant": _one_of(*VARIANTS),
    }

    similarity_threshold: float | Schedule
    similarity: str
    similarity_rule: str | Mapping[str, Any] | SimilarityRule
    similarity_samples: int
    similarity_critics: str
    blend_temperature: float | None
    plain_entropy: bool
    plain_critic_init: str
    variant: str

    #: critics that know no entropy
    plain: Targeted
    #: which pair teaches
    adaptive: AdaptiveChoice

    def __init__(
        self,
        policy: str | type[SACPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 3e-4,
        buffer_size: int = 1_000_000,
        learning_starts: int = 100,
        batch_size: int = 256,
        tau: float = 0.005,
        gamma: float = 0.99,
        train_freq: int | tuple[int, str] = 1,
        gradient_steps: int = 1,
        action_noise: ActionNoise | None = None,
        replay_buffer_class: type[ReplayBuffer] | None = None,
        replay_buffer_kwargs: dict[str, Any] | None = None,
        optimize_memory_usage: bool = False,
        n_steps: int = 1,
        ent_coef: EntCoef = "auto",
        target_update_interval: int = 1,
        target_entropy: float | str = "auto",
        use_sde: bool = False,
        sde_sample_freq: int = -1,
        use_sde_at_warmup: bool = False,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: th.device | str = "auto",
        _init_setup_model: bool = True,
        actor_critic: str | None = None,
        use_target_actor: bool = False,
        use_target_critic: bool = False,
        ent_coef_gradient: str = "log_alpha",
        ent_coef_lr: float | None = None,
        soft_n_step: bool = False,
        regularizers: Sequence[Mapping[str, Any] | Regularizer] | None = None,
        fast: bool | str = "auto",
        similarity_threshold: float | Schedule = 0.9,
        similarity: str | None = None,
        similarity_rule: str | Mapping[str, Any] | SimilarityRule = "quadratic",
        similarity_samples: int = 100,
        similarity_critics: str | None = None,
        blend_temperature: float | None = None,
        plain_entropy: bool = True,
        plain_critic_init: str = "fresh",
        variant: str = "code",
    ):
        check_choice("variant", variant, VARIANTS)
        given = locals()
        given |= {name: value for name, value in VARIANTS[variant].items() if given[name] is None}
        check_arguments(given, self.checks)
        super().__init__(
            policy,
            find_env(env),
            learning_rate=learning_rate,
            buffer_size=buffer_size,
            learning_starts=learning_starts,
            batch_size=batch_size,
            tau=tau,
            gamma=gamma,
            train_freq=train_freq,
            gradient_steps=gradient_steps,
            action_noise=action_noise,
            replay_buffer_class=replay_buffer_class,
            replay_buffer_kwargs=replay_buffer_kwargs,
            optimize_memory_usage=optimize_memory_usage,
            n_steps=n_steps,
            target_update_interval=target_update_interval,
            use_sde=use_sde,
            sde_sample_freq=sde_sample_freq,
            use_sde_at_warmup=use_sde_at_warmup,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=seed,
            device=device,
            _init_setup_model=False,
        )
        for name in self.checks:
            setattr(self, name, given[name])
        self._init_soft(given)
        if _init_setup_model:
            self._setup_model()

    def _take_variant(self, before: Mapping[str, Any]) -> None:
        if "variant" in before:
            self.__dict__.update({name: v for name, v in VARIANTS[self.variant].items() if name not in before})

    # ------------------------------------------------------------------ the plain critics

    @property
    def plain_critic(self) -> ContinuousCritic:
        """The plain critics, with their optimiser."""
        critic: ContinuousCritic = self.plain.online
        return critic

    @property
    def plain_critic_target(self) -> ContinuousCritic:
        """Their targets."""
        critic: ContinuousCritic = self.plain.target
        return critic

    def _make_critic_groups(self, before: Mapping[str, Any]) -> None:
        super()._make_critic_groups(before)
        self.plain = make_plain_critics(self.policy, self.lr_schedule, own_seed(self.seed, 1))
        if self.plain_critic_init == "copy":
            copy_soft_critics(self.policy, self.plain)
        self.critic_groups.append(self.plain)

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        networks, variables = super()._get_torch_save_params()
        return [*networks, *PLAIN], variables

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "plain", "adaptive"]

    def _complete_loaded(self, missing: set[str]) -> None:
        super()._complete_loaded(missing)
        if self.plain_critic_init == "copy" and set(PLAIN) <= missing:
            copy_soft_critics(self.policy, self.plain)

    # ------------------------------------------------------------------ the decision

    def set_random_seed(self, seed: int | None = None) -> None:
        """
        As the parent's, of the similarity's own draws too.

        :param seed: of all generators; None to leave them
        """
        super().set_random_seed(seed)
        if seed is not None and "adaptive" in vars(self):
            self.adaptive.generator.manual_seed(own_seed(seed, 2))

    def _make_adaptive(self, before: Mapping[str, Any]) -> None:
        held = vars(self).get("adaptive")  # whose draws go on, where it is another rule or number of them that is new
        self.adaptive = AdaptiveChoice(
            make_similarity_rule(self.similarity_rule),
            self.similarity,
            self.similarity_samples,
            self.similarity_critics == "target",
            self.blend_temperature,
            held.generator if held else th.Generator().manual_seed(own_seed(self.seed, 2)),
        )

    @property
    def threshold(self) -> float:
        """ε, as it is now."""
        given = self.similarity_threshold
        if not callable(given):
            return given
        value = at(given, self._current_progress_remaining)
        check_threshold(value)
        return value

    def _targets(
        self, batch: ReplayBufferSamples, next_values: th.Tensor, next_log_prob: th.Tensor, alpha: float
    ) -> th.Tensor:
        rewards, dones, discounts = batch.rewards.flatten(), batch.dones.flatten(), self._discounts(batch)
        soft, plain = next_values
        return th.stack(
            [
                soft_target(self._soft_rewards(batch, alpha), dones, discounts, soft, next_log_prob, alpha),
                plain_target(rewards, dones, discounts, plain),
            ]
        )

    def _teach(self, path: Path, alpha: float) -> tuple[th.Tensor, float | th.Tensor]:
        """The soft pair where what the pairs say is alike, and the plain one elsewhere."""
        values, chosen = path.values(), self.critic_choice.weights(path)
        share = self.adaptive.soft_share(path, values.shape[-1], self.threshold).to(values.device)
        self.journal.note("plain_share", 1.0 - share.mean())
        soft, plain = (chosen * values).sum(dim=1)
        self.journal.note("soft_minus_plain", (soft - plain).mean())
        weights = chosen * th.stack([share, 1.0 - share]).unsqueeze(1)
        return weights, alpha if self.plain_entropy else alpha * share

    def _record_policy(self) -> None:
        super()._record_policy()
        seen = self.adaptive.seen
        if seen is not None:
            for quantile, value in zip(QUANTILES, seen.quantile(seen.new_tensor(QUANTILES)).tolist(), strict=True):
                self.logger.record(f"train/similarity_q{quantile * 100:.0f}", value)
