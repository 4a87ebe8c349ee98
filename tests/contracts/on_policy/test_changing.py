"""
Every argument of every constructor: set afterwards, or given to ``load``, it is as if it had been given at first, or is
refused.
"""

import copy
import io
import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch as th
from stable_baselines3 import A2C
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule, LinearSchedule

from contracts.envs import make_env
from contracts.every.test_bad_input import WRONG
from contracts.models import (
    ON_POLICY,
    WITH_BONUS,
    alpha,
    arguments_of,
    assert_equal_parameters,
    assert_same_state,
    build,
    deep_state,
    like_parent,
    parameters,
    record,
    stock_parent,
)
from sb3_entropy import SA2C
from sb3_entropy.algorithms.actors import setup
from sb3_entropy.algorithms.common.changing import FIXED
from sb3_entropy.engines.serial import SerialEngine
from sb3_entropy.errors import check_number
from sb3_entropy.registry import ALGORITHMS


class HalvedRewards(RolloutBuffer):
    """A user's own buffer."""

    def __init__(self, *args: Any, factor: float = 0.5, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.factor = factor

    def add(self, obs: Any, action: Any, reward: Any, *rest: Any) -> None:
        super().add(obs, action, self.factor * reward, *rest)


# Another value of each argument than the models below have.
OTHER: dict[str, Any] = {
    "learning_rate": LinearSchedule(0.04, 0.01, 1.0),
    "n_steps": 12,
    "n_episodes": 2,
    "batch_size": 4,
    "n_epochs": 3,
    "gamma": 0.5,
    "gae_lambda": 0.3,
    "clip_range": ConstantSchedule(0.01),
    "clip_range_vf": 0.01,
    "ent_coef": "auto_0.5",
    "max_grad_norm": 0.1,
    "target_kl": 1e-6,
    "cg_max_steps": 1,
    "cg_damping": 3.0,
    "line_search_shrinking_factor": 0.1,
    "line_search_max_iter": 1,
    "rollout_buffer_class": HalvedRewards,
    "rollout_buffer_kwargs": {"factor": 0.1},
    "sde_sample_freq": 2,
    "stats_window_size": 3,
    "tensorboard_log": None,
    "verbose": 1,
    "target_entropy": 0.9,
    "ent_coef_lr": 0.03,
    "soft_gradient": "log_prob",
    "ent_coef_unit": "normalised",
    "regularizers": [{"divergence": "kl", "reference": "previous", "coef": 2.0}],
    "kl_reduction": "sum",
    "fast": False,
    "divergence": "hellinger",
    "divergence_kwargs": {"kernel": "rbf_index"},
    "reference": "ema",
    "reference_kwargs": {"decay": 0.1},
    "mode": "repel",
    "cap": 1e-3,
    "coef": "decay_3_0.5",
    "target_divergence": 0.5,
    "coef_lr": 0.02,
    "engine": "process",
    "ray_address": "10.0.0.1:6379",
    "n_fragments": 2,
    "max_policy_lag": 0,
    "correction": "none",
    "advantage": "gae",
    "replay_size": 1,
}
# What an argument needs to be felt.
ONE_ACTOR = {"n_actors": 1}  # which knows in the second update what came of the first
TUNED = {"ent_coef": "auto_0.1", "target_entropy": 0.4, "ent_coef_lr": 0.01, **ONE_ACTOR}
TUNED_COEF = {"coef": "auto_0.1", "target_divergence": 0.1, "coef_lr": 0.01, "n_steps": 5}
FAR = {
    "target_kl": 0.3,
    "cg_damping": 1e-4,
    "cg_max_steps": 8,
    "line_search_max_iter": 6,
    "n_steps": 12,
    "actions": "box",
}
BESIDE: dict[str, dict[str, Any]] = {
    "target_entropy": TUNED,
    "ent_coef_lr": TUNED,
    "regularizers": ONE_ACTOR,
    "ent_coef_unit": {"normalize_advantage": True},
    "normalize_advantage": {"n_steps": 16},
    "rollout_buffer_kwargs": {"rollout_buffer_class": HalvedRewards},
    "sde_sample_freq": {"use_sde": True, "actions": "box"},
    "kl_reduction": {"actions": "box"},
    "divergence_kwargs": {"divergence": "mmd", "divergence_kwargs": None},
    "reference_kwargs": {"reference": "ema", "n_steps": 5},
    "reference": {"coef": 3.0},
    "cap": {"mode": "repel", "coef": 3.0},
    "target_divergence": TUNED_COEF,
    "n_actors": {"n_steps": 4},
    "weights_delay": {"n_steps": 4},
    "ray_address": {"engine": "ray"},
    "replay_size": {"n_replayed": 1, "n_steps": 2},
    "coef_lr": TUNED_COEF,
    "line_search_shrinking_factor": FAR,
    "line_search_max_iter": FAR,
}
# What changes nothing that is learned.
SILENT = {"stats_window_size", "tensorboard_log", "verbose", "fast", "engine", "ray_address", "send_observations"}


def other(name: str, model: Any) -> Any:
    """:return: another value than the model has; for an argument of which nothing is known, guessed from its kind"""
    held = getattr(model, name)
    if name in OTHER:
        return OTHER[name]
    if isinstance(held, bool):
        return not held
    assert isinstance(held, (int, float)), f"{name} is {held!r}: put another value of it into OTHER"
    return held + 1 if isinstance(held, int) else held / 2 + 0.01


def make(key: str, actions: str = "discrete", **kwargs: Any) -> Any:
    """:return: a model that learns fast, so that whatever is ignored is seen"""
    settings = {"n_steps": 8, "learning_rate": 0.05, "max_grad_norm": 10.0, **kwargs}
    known = arguments_of(ALGORITHMS.get(key))
    return build(key, make_env(actions=actions), **{name: value for name, value in settings.items() if name in known})


def beside(key: str, name: str) -> dict[str, Any]:
    """:return: what is given beside an argument, as far as the algorithm has it"""
    known = {*arguments_of(ALGORITHMS.get(key)), "actions"}
    return {other: value for other, value in BESIDE.get(name, {}).items() if other in known}


def trained(model: Any) -> Any:
    """:return: the model after two rollouts"""
    return model.learn(16, log_interval=None)


def arguments(*, fixed: bool) -> list[Any]:
    """:return: algorithms with their arguments; in the quick tests each argument once, all pairs in the slow ones"""
    names = {name: 0 for key in ON_POLICY for name in arguments_of(ALGORITHMS.get(key)) if (name in FIXED) == fixed}
    having = {name: [key for key in ON_POLICY if name in arguments_of(ALGORITHMS.get(key))] for name in names}
    return [
        pytest.param(
            key,
            name,
            id=f"{key}-{name}",
            marks=() if fixed or key == keys[place % len(keys)] else pytest.mark.slow,
        )
        for place, (name, keys) in enumerate(having.items())
        for key in keys
    ]


def reload(model: Any, **kwargs: Any) -> Any:
    """:return: what comes back after saving to memory, in an environment of its own"""
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    env = make_env(actions="box" if model.action_space.shape else "discrete")
    return type(model).load(file, env=env, device="cpu", **kwargs)


def differs(model: Any, other: dict[str, th.Tensor]) -> bool:
    """:return: whether two policies differ in a parameter"""
    return any(not th.equal(tensor, other[name]) for name, tensor in parameters(model).items())


@pytest.fixture(autouse=True)
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """All engines are the serial one here. Gives the arguments of those that were asked for."""
    asked: list[Any] = []

    def make_engine(*arguments: Any) -> SerialEngine:
        asked.append(arguments)
        return SerialEngine()

    monkeypatch.setattr(setup, "make_engine", make_engine)
    return asked


LEARNED: dict[str, dict[str, th.Tensor]] = {}


def learned(key: str, with_it: dict[str, Any]) -> dict[str, th.Tensor]:
    """:return: the parameters of a trained model, which is trained once"""
    told = f"{key} {with_it}"
    if told not in LEARNED:
        LEARNED[told] = parameters(trained(make(key, **with_it)))
    return LEARNED[told]


@pytest.mark.filterwarnings("ignore:You have specified a mini-batch size")
@pytest.mark.parametrize(("key", "name"), arguments(fixed=False))
def test_an_argument_set_afterwards_is_as_if_it_had_been_given(key: str, name: str, engines: list[Any]) -> None:
    with_it = beside(key, name)
    assigned = make(key, **with_it)
    value = other(name, assigned)
    setattr(assigned, name, value)
    trained(assigned)
    given = trained(make(key, **{**with_it, name: value}))
    assert_same_state(assigned, given)
    assert repr(getattr(assigned, name)) == repr(getattr(given, name))
    if name not in SILENT:
        assert differs(given, learned(key, with_it)), "it is not felt"
    if name in ("engine", "ray_address"):
        assert all(value in asked for asked in engines)


# All at once, with what they need of one another.
TOGETHER = {**OTHER, "coef": "auto_0.5", "divergence": "mmd", "baseline": True, "engine": "ray", "max_policy_lag": 2}


@pytest.mark.filterwarnings("ignore:You have specified a mini-batch size")
@pytest.mark.parametrize("key", ON_POLICY)
def test_all_at_once_by_assignment_load_and_custom_objects(key: str) -> None:
    plain = make(key)
    names = arguments_of(ALGORITHMS.get(key)).keys() - FIXED.keys()
    values = {name: TOGETHER[name] if name in TOGETHER else other(name, plain) for name in names}
    given = trained(make(key, **values))
    assigned = make(key)
    assigned.set_arguments(**values)
    for model_of in (
        lambda: assigned,
        lambda: reload(make(key), **values),
        lambda: reload(make(key), custom_objects=values),
    ):
        model = model_of()
        assert_same_state(trained(model), given)
        for name in names:
            assert repr(getattr(model, name)) == repr(getattr(given, name)), name
    # What was set is saved.
    again = reload(assigned)
    for name in names:
        assert repr(getattr(again, name)) == repr(getattr(assigned, name)), name


@pytest.mark.parametrize(("key", "name"), arguments(fixed=True))
def test_what_is_built_in_says_what_to_do(key: str, name: str) -> None:
    model = make(key)
    before = model.__dict__.copy()
    for value in ("CnnPolicy", None, 3):
        with pytest.raises(
            AttributeError, match=rf"^{name} is built into a \w+ when it is made.*{value!r} was given: "
        ):
            setattr(model, name, value)
    assert model.__dict__ == before
    if name in ("env", "device", "seed", "policy_kwargs"):  # load takes them
        return
    held = vars(model).get(name)
    if isinstance(held, (bool, float)):
        assert getattr(reload(model, **{name: held}), name) == held
    for given in ({name: 0.125}, {"custom_objects": {name: 0.125}}):
        with pytest.raises(ValueError, match=rf"{name}=0.125 cannot be given to \w+.load, since it is built into"):
            reload(model, **given)


@pytest.mark.parametrize("key", ON_POLICY)
def test_an_invalid_value_is_refused_as_by_the_constructor_and_changes_nothing(key: str) -> None:
    model = make(key)
    n_tried = 0
    for name in arguments_of(type(model)).keys() - FIXED.keys():
        for value, words in WRONG.get(name, ()):
            if value is None and arguments_of(type(model))[name].default is None:
                continue
            beside = {"ent_coef": "auto"} if name == "ent_coef_lr" else {}
            beside |= {"coef": "auto", "target_divergence": 0.1} if name == "coef_lr" else {}
            # jensen_shannon has a bound
            beside |= {"divergence": "kl"} if value == "repel" else {}
            held = model.__dict__.copy()
            with pytest.raises((ValueError, TypeError), match=words):
                model.set_arguments(**beside, **{name: value})
            assert model.__dict__ == held
            n_tried += 1
    assert n_tried > 40
    with pytest.raises(ValueError, match=r"Unknown argument 'gama'.*Did you mean 'gamma'"):
        model.set_arguments(gama=0.5)


def held_by(model: Any) -> Any:
    """:return: all that is in a model, deeply, but for what is another's or made anew for each rollout"""
    left_out = ("env", "_logger", "_flat_policy", "_pool", "_put")
    return deep_state({n: part for n, part in vars(model).items() if n not in left_out})


@pytest.mark.parametrize("key", ON_POLICY)
def test_what_is_refused_late_has_changed_nothing_within_the_parts(key: str) -> None:
    """Good values beside one that is refused when all parts but the last are made."""
    model = trained(make(key, ent_coef="auto_0.1"))
    env_features = {"divergence": "mmd", "divergence_kwargs": {"kernel": {"kernel": "linear", "features": "env"}}}
    good: dict[str, Any] = {
        "gamma": 0.5,
        "gae_lambda": 0.1,
        "target_entropy": 0.5,
        "ent_coef_lr": 0.5,
        "stats_window_size": 3,
        "n_steps": 12,
    }
    good |= {"reference": "previous", "coef": 0.7} if key == "divergence_reg_pg" else {}
    bad = [{"regularizers": [env_features]}, *([{"batch_size": 1}] if key == "sppo" else [])]
    for refused in bad:
        held = held_by(model)
        with pytest.raises(ValueError, match=r"action_features|must be at least 2"):
            model.set_arguments(**good, **refused)
        assert held_by(model) == held
    model.set_arguments(**good)
    buffer = model.rollout_buffer
    assert (buffer.gamma, model.temperature.target, model.temperature.rate) == (0.5, 0.5, 0.5)
    assert model.journal.bonuses.finished.maxlen == 3


class AtRollout(BaseCallback):
    """Does something when a rollout begins, counted from 1."""

    def __init__(self, number: int, act: Callable[[Any], None]):
        super().__init__()
        self.number, self.act, self.seen = number, act, 0

    def _on_rollout_start(self) -> None:
        self.seen += 1
        if self.seen == self.number:
            self.act(self.model)

    def _on_step(self) -> bool:
        return True


def assignment(**arguments: Any) -> Callable[[Any], None]:
    """:return: what sets attributes, one after another"""

    def assign(model: Any) -> None:
        for name, value in arguments.items():
            setattr(model, name, value)

    return assign


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_callback_may_set_it(key: str) -> None:
    model = make(key, ent_coef=0.1, **like_parent(key))
    logged = record(model)
    act = assignment(ent_coef=0.3, learning_rate=0.001, n_steps=4, gamma=0.5)
    model.learn(3 * 8 + 4 * 4, AtRollout(3, act), log_interval=1)
    assert logged.values["train/ent_coef"] == [0.1, 0.1, 0.3, 0.3, 0.3, 0.3, 0.3]
    assert logged.values["train/learning_rate"] == [0.05, 0.05, *[0.001] * 5]
    assert np.diff(logged.steps).tolist()[:6] == [8, 8, 4, 4, 4, 4]
    assert model.rollout_buffer.gamma == 0.5


@pytest.mark.parametrize("off", [{"ent_coef": 0.0}, {"entropy_in_return": False}])
def test_the_soft_return_has_nothing_of_before_a_gap(off: dict[str, Any]) -> None:
    """Of 7 steps, in rollouts of 16: in the third and the fourth no entropy is needed, and so none is known."""
    model = build("sppo", ent_coef=0.5, learning_rate=0.0)
    recorder = record(model)
    there_again = AtRollout(5, assignment(ent_coef=0.5, entropy_in_return=True))
    model.learn(80, [AtRollout(3, assignment(**off)), there_again], log_interval=1)
    last_two = np.mean([episode["r"] for episode in model.ep_info_buffer][-2:])
    entropy = model.policy.get_distribution(th.zeros(1, 3)).entropy().item()
    steps = (6 + 7) / 2  # the tenth episode has its first step in the fourth rollout
    found = recorder.values["rollout/soft_return"]
    assert len(found) == 4  # after rollouts 1, 2 and 5, and when the training ends
    assert found[2:] == [pytest.approx(last_two + 0.5 * entropy * steps, rel=1e-5)] * 2


@pytest.mark.parametrize("act", [assignment(gamma=0.9), assignment(n_steps=8, baseline=False, gae_lambda=0.9)])
@pytest.mark.parametrize("key", [key for key in ON_POLICY if "baseline" in arguments_of(ALGORITHMS.get(key))])
def test_without_a_baseline_returns_are_whole_whatever_is_set(key: str, act: Callable[[Any], None]) -> None:
    models = [
        make(key, baseline=False, gamma=0.9, gae_lambda=0.9).learn(32, callback)
        for callback in (None, AtRollout(2, act))
    ]
    assert_same_state(*models)
    assert models[1].rollout_buffer.gae_lambda == 1.0


def test_a_baseline_asked_for_in_the_midst_comes_with_the_next_rollout() -> None:
    model = make("spg", baseline=False, gae_lambda=0.5)
    lambdas = []

    class AtTheEnd(BaseCallback):
        def _on_rollout_end(self) -> None:
            self.model.baseline = True
            self.model.gamma = 0.9
            lambdas.append(self.model.rollout_buffer.gae_lambda)

        def _on_step(self) -> bool:
            return True

    model.learn(16, AtTheEnd())
    assert lambdas == [1.0, 0.5]


BY_THE_PARENT = {"vf_coef": 0.9, "n_epochs": 1, "batch_size": 4, "max_grad_norm": 0.01, "clip_range": lambda p: 0.05}


@pytest.mark.parametrize("key", [key for key in ON_POLICY if stock_parent(key)])
def test_what_the_parent_takes_from_a_callback_is_taken_alike(key: str) -> None:
    parent = stock_parent(key)
    assert parent is not None
    act = assignment(**{name: value for name, value in BY_THE_PARENT.items() if name in arguments_of(parent)})
    models = [
        build(cls, make_env(), **ours, learning_rate=0.01).learn(48, AtRollout(2, act))
        for cls, ours in ((ALGORITHMS.get(key), {"ent_coef": 0.0, **like_parent(key)}), (parent, {}))
    ]
    assert_same_state(*models)


def test_a_clip_range_may_be_a_number_a_function_or_a_schedule() -> None:
    model = make("sppo")
    logged = record(model)
    for value in (0.3, lambda progress: 0.1, FloatSchedule(0.4), ConstantSchedule(0.5), LinearSchedule(0.6, 0.6, 1.0)):
        model.clip_range = model.clip_range_vf = value
        model.learn(8, log_interval=1)
    assert logged.values["train/clip_range"] == logged.values["train/clip_range_vf"] == [0.3, 0.1, 0.4, 0.5, 0.6]
    model.clip_range_vf = None
    model.learn(8)
    assert model._value_clip is None
    for value in (0, -0.2):
        with pytest.raises(ValueError, match="clip_range_vf must be a number > 0"):
            model.clip_range_vf = value
    for name in ("batch_size", "n_steps"):
        with pytest.raises(ValueError, match=rf"{name}.* must be at least 2 with normalize_advantage=True, but is 1"):
            setattr(model, name, 1)


def test_arguments_that_do_not_fit_are_named() -> None:
    """Those that are wrong by themselves are not to be set together with others."""
    model = make("divergence_reg_pg")
    together = r"Set them together: set_arguments\("
    for values, names in (
        ({"cap": 0.1}, "mode=…, cap=…"),
        ({"mode": "repel", "divergence": "kl"}, "divergence=…, mode=…, cap=…"),
        ({"coef": "auto"}, "coef=…, target_divergence=…"),
        ({"target_divergence": 0.1}, "coef=…, target_divergence=…"),
    ):
        with pytest.raises(ValueError, match=rf"{together}{names}\)\.$"):
            model.set_arguments(**values)
    for name, value in {"coef": -1, "divergence_kwargs": {"kernal": "delta"}, "reference": "emma"}.items():
        with pytest.raises(ValueError, match=r".") as caught:
            setattr(model, name, value)
        assert "together" not in str(caught.value)


# Each gives at progress < 0 what no learning rate or clip range can be.
PAST_THE_END = [
    lambda progress: 0.2 * progress**0.5,
    lambda progress: 0.2 * float(np.sqrt(progress)),
    lambda progress: 0.2 * math.sqrt(progress),
]


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")
@pytest.mark.parametrize("schedule", PAST_THE_END, ids=["complex", "nan", "error"])
@pytest.mark.parametrize("key", ON_POLICY)
def test_a_training_survives_its_last_rollout(key: str, schedule: Callable[[float], float]) -> None:
    """21 steps are three rollouts of 8: the last ends at progress −1/7, and is trained with what there is at 0."""
    names = {"learning_rate", "clip_range", "clip_range_vf"} & arguments_of(ALGORITHMS.get(key)).keys()
    model = make(key, **dict.fromkeys(names, schedule))
    logged = record(model)
    model.learn(21, log_interval=1)
    assert model._current_progress_remaining < 0
    for name in names:
        values = logged.values[f"train/{name}"]
        assert values == [schedule(1 - n / 21) if n < 21 else 0.0 for n in (8, 16, 24)], name
    assert all(tensor.isfinite().all() for tensor in parameters(model).values())


@pytest.mark.parametrize("key", [key for key in ON_POLICY if stock_parent(key)])
def test_a_number_past_the_end_is_taken_as_by_the_parent(key: str) -> None:
    """Also c·p, rl-zoo's ``lin_``, which is below 0 there."""
    parent = stock_parent(key)
    assert parent is not None
    given = {"learning_rate": lambda progress: 0.2 * progress, "n_steps": 8}
    given |= {"clip_range": lambda progress: 0.2 * progress} if "clip_range" in arguments_of(parent) else {}
    models = [
        build(cls, make_env(), **ours, **given).learn(21)
        for cls, ours in ((ALGORITHMS.get(key), {"ent_coef": 0.0, **like_parent(key)}), (parent, {}))
    ]
    assert models[0]._current_progress_remaining < 0
    assert_same_state(*models)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_tuned_temperature_keeps_its_state(key: str) -> None:
    model = trained(make(key, **TUNED))
    reached = alpha(model)
    assert reached != 0.1
    for name, value in {"gamma": 0.9, "ent_coef": "auto_0.1", "entropy_in_return": False, "regularizers": None}.items():
        setattr(model, name, value)
        assert alpha(model) == reached
    model.target_entropy, model.ent_coef_lr = 0.9, 0.5
    assert (alpha(model), model.temperature.target, model.temperature.rate) == (reached, 0.9, 0.5)
    again = reload(model, ent_coef="auto_0.1", target_entropy=0.8, gamma=0.7)
    assert (alpha(again), again.temperature.target) == (reached, 0.8)
    for value, start in ((0.2, 0.2), ("auto_0.1", 0.1), ("decay_3_0.5", 3.0)):
        model.ent_coef = value
        assert alpha(model) == start
    assert alpha(trained(model)) == 3 * 0.5 ** math.ceil(16 / model.n_steps)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_decay_set_after_the_returns_begins_with_the_next_rollout(key: str) -> None:
    class AtTheEnd(BaseCallback):
        def _on_rollout_end(self) -> None:
            if self.num_timesteps == 8:
                self.model.ent_coef = "decay_1_0.5"

        def _on_step(self) -> bool:
            return True

    model = make(key)
    logged = record(model)
    model.learn(24, AtTheEnd(), log_interval=1)
    assert logged.values["train/ent_coef"] == [0.01, 1.0, 0.5]


@pytest.mark.parametrize("key", ON_POLICY)
def test_an_entropy_that_does_not_exist_is_missed_when_it_is_asked_for(key: str) -> None:
    model = build(key, ent_coef=0.0, policy_kwargs={"action_distribution": "tanh_gaussian"})
    temperature = model.temperature
    with pytest.raises(ValueError, match="has no closed form, and nothing is estimated silently"):
        model.ent_coef = 0.3
    assert (model.ent_coef, model.temperature) == (0.0, temperature)
    model.set_arguments(ent_coef=0.3, soft_gradient="log_prob", entropy_in_return=False)
    with pytest.raises(ValueError, match="has no closed form"):
        model.entropy_in_return = True


def test_whole_episodes_may_begin_and_end() -> None:
    model = make("spg", n_steps=9, n_episodes=2).learn(14)
    model.n_episodes = None
    model.learn(9)
    assert model.rollout_buffer.buffer_size == 9
    model.n_episodes = 3
    assert model.learn(21).rollout_buffer.buffer_size == 21


def test_an_exchanged_environment_brings_its_own_features() -> None:
    rule = {"divergence": "mmd", "divergence_kwargs": {"kernel": {"kernel": "linear", "features": "env"}}}
    env, another = make_env(actions="discrete"), make_env(actions="discrete")
    env.action_features, another.action_features = np.eye(3), 2 * np.eye(3)
    model = build("sppo", env, regularizers=[rule])
    model.set_env(another)
    features = model.regularizers[0].divergence.kernel.features.rows
    assert np.array_equal(features, 2 * np.eye(3))


def test_an_environment_that_is_refused_leaves_the_old_one_and_its_features() -> None:
    rule = {"divergence": "mmd", "divergence_kwargs": {"kernel": {"kernel": "rbf", "features": "env"}}}
    for key, given in (("sppo", {"regularizers": [rule]}), ("divergence_reg_pg", {**rule, "ent_coef": 0.1})):
        env, another = make_env(actions="discrete"), make_env(actions="discrete")
        env.action_features, another.action_features = np.eye(3), np.eye(2)  # two rows for three actions
        model, twin = (build(key, e, **given).learn(32) for e in (env, copy.deepcopy(env)))
        held = {name: getattr(model, name) for name in ("env", "_vec_normalize_env", "_last_obs", "regularizers")}
        with pytest.raises(ValueError, match="features of 2 actions, but there are 3"):
            model.set_env(another)
        assert all(getattr(model, name) is value for name, value in held.items())
        assert np.array_equal(model.active_regularizers[0].divergence.kernel.features.rows, np.eye(3))
        with pytest.raises(ValueError, match="gamma must be"):
            model.gamma = 2  # it is still looked at
        for each in (model, twin):  # and it goes on as if nothing had been asked
            each.set_random_seed(3)
            each.learn(32)
        assert_equal_parameters(model, parameters(twin))


def test_a_policy_may_still_be_exchanged() -> None:
    model, source = build("sppo"), build("sppo", seed=3)
    model.policy = source.policy
    assert_equal_parameters(model, parameters(source))


@pytest.mark.parametrize("key", WITH_BONUS)
def test_a_subclass_of_ones_own_is_guarded_too(key: str) -> None:
    class Mine(ALGORITHMS.get(key)):  # type: ignore[misc]
        def __init__(self, *args: Any, extra: int = 1, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.extra = extra

    model = build(Mine)
    model.extra, model.ent_coef = table = {"a": [1]}, 0.7
    assert model.extra is table[0]  # its own arguments are nobody else's matter
    assert alpha(model) == 0.7
    with pytest.raises(AttributeError, match="seed is built into a Mine"):
        model.seed = 3


def test_every_argument_of_ours_is_guarded() -> None:
    for _, cls in ALGORITHMS.items():
        assert cls._guarded == arguments_of(cls).keys() | FIXED.keys()

    class Third(SA2C):
        """A third party's: what it declares is checked."""

        checks: ClassVar[Any] = {"share": partial(check_number, low=0, high=1)}

        def __init__(self, *args: Any, share: float = 0.5, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.share = share

    model = build(Third)
    model.share = np.float32(0.25)
    assert type(model.share) is float
    with pytest.raises(ValueError, match="share must be a number between 0 and 1"):
        model.share = 2


@pytest.mark.parametrize("parts", [("_make_one", "_check_other"), ("_check_other", "_make_one")])
def test_parts_are_made_in_the_order_in_which_they_stand(parts: tuple[str, str]) -> None:
    """When the model is set up, and after a change, whatever the order of the changes."""
    made: list[str] = []

    class Ordered(SA2C):
        made_from: ClassVar[Any] = {**SA2C.made_from, parts[0]: {"gamma", "verbose"}, parts[1]: {"ent_coef", "gamma"}}

        def _make_one(self, before: Any) -> None:
            made.append("_make_one")

        def _check_other(self, before: Any) -> None:
            made.append("_check_other")

    model = build(Ordered)
    assert made == list(parts)
    for changes, expected in (
        ({"gamma": 0.5}, parts),
        ({"ent_coef": 0.3, "verbose": 1}, parts),
        ({"verbose": 0, "ent_coef": 0.2}, parts),
        ({"ent_coef": 0.1}, parts[1:]),
    ):
        made.clear()
        model.set_arguments(**changes)
        assert made == list(expected)


def test_a_file_of_the_parent_says_which_optimizer_it_has() -> None:
    for given in ({"use_rms_prop": False}, {"rms_prop_eps": 1e-3}):
        file = io.BytesIO()
        build(A2C, make_env(), **given).save(file)
        file.seek(0)
        model = SA2C.load(file, device="cpu")
        (name,) = given
        assert getattr(model, name) == given[name]
        assert getattr(reload(model, **given), name) == given[name]


@pytest.mark.parametrize("key", ON_POLICY)
def test_policy_kwargs_may_be_given_again(key: str) -> None:
    """A2C writes its optimizer into the user's dictionary, and then finds it there."""
    given = {"net_arch": [8]}
    model = make(key, policy_kwargs=given)
    assert_equal_parameters(reload(model, policy_kwargs=given), parameters(model))
    for others in ({}, {"net_arch": [9]}):
        with pytest.raises(ValueError, match=r"policy kwargs do not equal the stored policy kwargs.*make a new model"):
            reload(model, policy_kwargs=others)
