"""How an algorithm of the off-policy family is made: its arguments, its networks, and the parts that it has."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.type_aliases import TrainFrequencyUnit
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer
from stable_baselines3.sac.policies import Actor, SACPolicy

from sb3_entropy.algorithms.common.arguments import check_policy_class
from sb3_entropy.algorithms.common.saving import SavedAlgorithm
from sb3_entropy.algorithms.off_policy.acting import ActingEntropies
from sb3_entropy.algorithms.off_policy.critic_choice import CRITIC_CHOICES, CriticChoice
from sb3_entropy.algorithms.off_policy.hooks import OffPolicyHooks
from sb3_entropy.algorithms.off_policy.plain_critics import PLAIN, own_generators
from sb3_entropy.algorithms.off_policy.replay import check_memory, check_replay_buffer
from sb3_entropy.algorithms.off_policy.soft_n_step import SoftNStepReplayBuffer
from sb3_entropy.algorithms.off_policy.targeted import Targeted
from sb3_entropy.errors import check_number
from sb3_entropy.temperature import DualTemperature, EntCoef, Temperature, make_dual_temperature

_TEMPERATURE = ("ent_coef", "target_entropy", "ent_coef_lr", "ent_coef_gradient")
_REPLAY = (
    "soft_n_step",
    "buffer_size",
    "replay_buffer_class",
    "replay_buffer_kwargs",
    "optimize_memory_usage",
    "n_steps",
)
#: what is made of other attributes
_MADE = (
    *(
        "acting_entropies",
        "_flat_path",
        "_acted_fast",
        "_n_learned_from",
        "critic_groups",
        "targeted_actor",
        "actor_target",
        "critic_choice",
    ),
    *("ent_coef_tensor", "batch_norm_stats", "batch_norm_stats_target"),
)


class OffPolicySetup(OffPolicyHooks):
    """What is made from the arguments, when the model is made and when they change."""

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        **SavedAlgorithm.made_from,
        "_refuse_another_buffer": frozenset(_REPLAY),
        "_check_batch": frozenset({"batch_size"}),
        "_make_train_freq": frozenset({"train_freq", "env"}),
        "_make_critic_groups": frozenset(),
        "_make_target_actor": frozenset({"use_target_actor"}),
        "_make_critic_choice": frozenset({"actor_critic"}),
        "_make_temperature": frozenset(_TEMPERATURE),
        "_make_regularizers": frozenset({"regularizers", "env"}),
    }

    #: parameters that one model has and another has not
    parts_of_some: ClassVar[frozenset[str]] = frozenset({"actor_target", "ent_coef_optimizer", *PLAIN})
    #: of these, those that may be missing, each as a whole
    begin_anew: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"actor_target"}), frozenset(PLAIN))
    changed_when_loaded: ClassVar[frozenset[str]] = frozenset(
        {"ent_coef", "ent_coef_gradient", "ent_coef_lr", "use_target_actor"}
    )

    ent_coef: EntCoef  # type: ignore[assignment]
    target_entropy: float | str
    ent_coef_lr: float | None
    ent_coef_gradient: str
    actor_critic: str
    use_target_actor: bool
    use_target_critic: bool
    fast: bool | str

    #: the critics: the soft ones first
    critic_groups: list[Targeted]
    #: θ and θ̄ of Fig. 1's option; None without it
    targeted_actor: Targeted | None = None
    #: which critic of a group the actor ascends
    critic_choice: CriticChoice

    def _init_soft(self, given: Mapping[str, Any]) -> None:
        """
        Keep our own arguments. Called by constructors between the parent's and ``_setup_model``.

        :param given: the constructor's arguments by name, its ``locals()``
        """
        for name in (*_TEMPERATURE, "actor_critic", "use_target_actor", "use_target_critic", "soft_n_step", "fast"):
            setattr(self, name, given[name])
        self._init_parts(given["regularizers"])

    def _setup_model(self) -> None:
        if "_changes" in vars(self) and "saved_by" not in vars(self):
            self._forget_the_buffer_of_sac()
        before = self._accept_arguments()
        check_policy_class(type(self).__name__, self.policy_class, self.policy_aliases, SACPolicy)
        self._check_n_steps()
        if self.env is not None:
            self._check_memory()
        self._take_train_freq()
        with self._replay_arguments_kept():
            OffPolicyAlgorithm._setup_model(self)  # SAC's own would make its temperature
        self._create_aliases()
        for make in self.made_from:
            getattr(self, make)(before)
        check_replay_buffer(self, self.replay_buffer)
        self.acting_entropies = ActingEntropies(self.n_envs, get_action_dim(self.action_space))
        self._is_set_up = True

    def _check_memory(self) -> None:
        """Of a buffer of somebody's own nobody knows what it takes; a model without environment will not fill it."""
        if self.replay_buffer_class in (None, ReplayBuffer, DictReplayBuffer, NStepReplayBuffer, HerReplayBuffer):
            twice = not self.optimize_memory_usage
            check_memory(self.observation_space, self.action_space, self.buffer_size, twice)

    def _check_n_steps(self) -> None:
        if not self.soft_n_step:
            return
        if self.n_steps < 2:
            raise ValueError(
                f"soft_n_step=True adds the entropy of the states that n steps pass, but n_steps={self.n_steps}. Give "
                "n_steps of at least 2, or leave soft_n_step out."
            )
        if isinstance(self.observation_space, spaces.Dict) or self.replay_buffer_class is not None:
            raise ValueError(
                "soft_n_step=True has a replay buffer of its own, for observations that are no Dict. Leave out "
                "replay_buffer_class, or soft_n_step."
            )

    def _forget_the_buffer_of_sac(self) -> None:
        """A file of the parent's holds the class that it has chosen for its buffer as if it had been asked for."""
        chosen, self.replay_buffer_class = self.replay_buffer_class, None
        if chosen is NStepReplayBuffer:
            kept = self.replay_buffer_kwargs.items()
            self.replay_buffer_kwargs = {name: value for name, value in kept if name not in ("n_steps", "gamma")}
        elif chosen not in (ReplayBuffer, DictReplayBuffer):
            self.replay_buffer_class = chosen

    @contextmanager
    def _replay_arguments_kept(self) -> Iterator[None]:
        """The parent writes what it has chosen over what the user has given, and would take it for the user's next."""
        given = self.n_steps, self.replay_buffer_class, dict(self.replay_buffer_kwargs)
        if self.soft_n_step and self.n_steps > 1 and self.replay_buffer_class is None:
            self.n_steps, self.replay_buffer_class = 1, SoftNStepReplayBuffer
            self.replay_buffer_kwargs = {**given[2], "n_steps": given[0], "gamma": self.gamma}
        yield
        self.n_steps, self.replay_buffer_class, self.replay_buffer_kwargs = given

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *_MADE, "log_ent_coef", "ent_coef_parameter", "ent_coef_optimizer"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        networks = ["policy", "actor.optimizer", "critic.optimizer"]
        if self.targeted_actor is not None:
            networks.append("actor_target")
        temperature = self.temperature
        if isinstance(temperature, DualTemperature):
            return [*networks, "ent_coef_optimizer"], ["log_ent_coef" if temperature.in_log else "ent_coef_parameter"]
        return networks, ["ent_coef_tensor"]

    def set_parameters(
        self,
        load_path_or_dict: str | dict[str, Any],
        exact_match: bool = True,
        device: th.device | str = "auto",
    ) -> None:
        """
        As the parent's; what one model of the family has and another has not is left as it is, or begins as a copy.

        :param load_path_or_dict: a saved model, of Stable-Baselines3's SAC too, or what ``get_parameters`` has given
        :param exact_match: whether every parameter must be there, but for those
        :param device: where a file's parameters are put
        """
        given = self._read_parameters(load_path_or_dict, device)
        own = set(self._get_torch_save_params()[0])
        absent = [part for part in self.begin_anew if part <= own and not part & given.keys()]
        missing: set[str] = set().union(*absent)
        held = self.get_parameters() if missing else {}
        kept = {name: state for name, state in given.items() if name in own or name not in self.parts_of_some}
        super().set_parameters({**kept, **{name: held[name] for name in missing}}, exact_match, device)
        self._complete_loaded(missing)

    def _complete_loaded(self, missing: set[str]) -> None:
        """
        :param missing: the parts for which there were no parameters
        """
        if "actor_target" in missing and self.targeted_actor is not None:
            self.targeted_actor.target.load_state_dict(self.actor.state_dict())

    # ------------------------------------------------------------------ the parts

    def _refuse_another_buffer(self, before: Mapping[str, Any]) -> None:
        if self._is_set_up:
            name = sorted(before.keys() & set(_REPLAY))[0]
            raise AttributeError(
                f"{name} cannot be set, since the replay buffer is there and may be full. Save the model and load "
                f"it with the new value, load(path, env=env, {name}=…), or assign model.replay_buffer."
            )

    def _check_batch(self, before: Mapping[str, Any]) -> None:
        check_replay_buffer(self, self.replay_buffer)

    def _take_train_freq(self) -> None:
        """A YAML has lists where the parent wants a tuple."""
        given: Any = self.train_freq
        if isinstance(given, list):
            self.__dict__["train_freq"] = tuple(given)

    def _make_train_freq(self, before: Mapping[str, Any]) -> None:
        with self._quietly():
            self._take_train_freq()
            self._convert_train_freq()
        given: Any = self.train_freq
        if given.unit is TrainFrequencyUnit.EPISODE and self.n_envs > 1:
            raise ValueError(
                f"train_freq=({given.frequency}, 'episode') needs one environment, but there are {self.n_envs}: their "
                "episodes do not end together. Give a number of steps."
            )

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """What the parent assigns here is no change of an argument."""
        was_set_up, self._is_set_up = self._is_set_up, False
        yield
        self._is_set_up = was_set_up

    def _make_critic_groups(self, before: Mapping[str, Any]) -> None:
        self.critic_groups = [Targeted("critic_loss", self.critic, self.critic_target)]

    def _make_target_actor(self, before: Mapping[str, Any]) -> None:
        if not self.use_target_actor:
            self.targeted_actor = None
        elif self.targeted_actor is None or not self._is_set_up:
            with own_generators(self.device):
                target = self.policy.make_actor()
            target.load_state_dict(self.actor.state_dict())
            target.set_training_mode(False)
            self.targeted_actor = Targeted("actor_loss", self.actor, target)

    @property
    def actor_target(self) -> Any:
        """θ̄ of Fig. 1's option, which ã' is drawn from; None without it."""
        return None if self.targeted_actor is None else self.targeted_actor.target

    @property
    def actor_of_targets(self) -> Actor:
        """What ã' is drawn from: the actor, or its target (Fig. 1, lines 12 and 15, "θ̄ if use target")."""
        return self.actor if self.targeted_actor is None else self.targeted_actor.target

    def _make_critic_choice(self, before: Mapping[str, Any]) -> None:
        self.critic_choice = CRITIC_CHOICES[self.actor_critic]()

    def _make_temperature(self, before: Mapping[str, Any]) -> None:
        if self.ent_coef_lr is not None:
            check_number("ent_coef_lr", self.ent_coef_lr, low=0, open_low=True)

        def make(ent_coef: EntCoef, target_entropy: float | str, rate: float | None, gradient: str) -> Temperature:
            space: Any = self.action_space
            step = self.lr_schedule(1) if rate is None else rate
            in_log = gradient == "log_alpha"
            return make_dual_temperature(ent_coef, space, target_entropy, step, in_log, self.device)

        self.tempering = self.tempering.remade([getattr(self, name) for name in _TEMPERATURE], make)
        if isinstance(self.temperature, DualTemperature):
            self.tempering.temperature = self.temperature.moved_to(self.device)
        self._name_as_the_parent_does()

    def _name_as_the_parent_does(self) -> None:
        """What of the temperature SAC saves and loads, under its names."""
        temperature = self.temperature
        self.log_ent_coef = self.ent_coef_parameter = None
        self.ent_coef_optimizer = None
        if not isinstance(temperature, DualTemperature):
            self.ent_coef_tensor = th.tensor(temperature.value(1.0), device=self.device)
            return
        self.ent_coef_optimizer = temperature.optimizer
        setattr(self, "log_ent_coef" if temperature.in_log else "ent_coef_parameter", temperature.parameter)

    def _write(self, before: Mapping[str, Any]) -> None:
        if "gamma" in before and hasattr(self.replay_buffer, "gamma"):
            self.replay_buffer.gamma = self.gamma  # type: ignore[union-attr]
