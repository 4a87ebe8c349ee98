"""
Every argument of every constructor: set afterwards, or given to ``load``, it is as if it had been given at first, or is
refused.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.utils import LinearSchedule

from contracts.envs import make_env, make_vec_env
from contracts.every.test_bad_input import WRONG
from contracts.every.test_handed_over import HalvedReplay
from contracts.models import (
    OFF_POLICY,
    alpha,
    arguments_of,
    assert_same_state,
    build,
    deep_state,
    learned_state,
    record,
)
from contracts.on_policy.test_changing import AtRollout, assignment, reload
from sb3_entropy.algorithms.common.changing import FIXED
from sb3_entropy.algorithms.off_policy.critic_choice import FirstCritic
from sb3_entropy.registry import ALGORITHMS

# Another value of each argument than the models below have.
OTHER: dict[str, Any] = {
    "learning_rate": LinearSchedule(0.04, 0.01, 1.0),
    "buffer_size": 12,
    "batch_size": 6,
    "gamma": 0.5,
    "tau": 0.3,
    "train_freq": 3,
    "action_noise": NormalActionNoise(np.zeros(2), np.full(2, 0.3)),
    "replay_buffer_class": HalvedReplay,
    "replay_buffer_kwargs": {"factor": 0.1},
    "optimize_memory_usage": True,
    "n_steps": 3,
    "soft_n_step": True,
    "ent_coef": "auto_0.2",
    "target_entropy": 0.9,
    "ent_coef_lr": 0.3,
    "ent_coef_gradient": "alpha",
    "sde_sample_freq": 2,
    "stats_window_size": 3,
    "tensorboard_log": None,
    "verbose": 1,
    "actor_critic": "first",
    "regularizers": [{"divergence": "kl", "reference": "previous", "coef": 2.0}],
    "fast": False,
    "similarity_threshold": -1,
    "similarity": "centred",
    "similarity_rule": "linear",
    "similarity_critics": "target",
    "blend_temperature": 0.1,
    "plain_critic_init": "copy",
    "variant": "poster",
}
# What an argument needs to be felt.
TUNED = {"ent_coef": "auto_0.3", "ent_coef_lr": 0.01}
TWICE = {"gradient_steps": 2}
BESIDE: dict[str, dict[str, Any]] = {
    "target_entropy": TUNED,
    "ent_coef_lr": TUNED,
    "ent_coef_gradient": TUNED,
    "target_update_interval": TWICE,
    "sde_sample_freq": {"use_sde": True},
    "use_sde_at_warmup": {"use_sde": True},
    "replay_buffer_kwargs": {"replay_buffer_class": HalvedReplay},
    "optimize_memory_usage": {"replay_buffer_kwargs": {"handle_timeout_termination": False}},
    "soft_n_step": {"n_steps": 3},
    "similarity": {"blend_temperature": 0.1},
    "similarity_critics": {"blend_temperature": 0.1},
    "similarity_rule": {"blend_temperature": 0.1},
    "similarity_samples": {"blend_temperature": 0.1},
}
# What changes nothing that is learned; of replay buffers what they hold is the same.
SILENT = {"stats_window_size", "tensorboard_log", "verbose", "fast", "optimize_memory_usage"}
#: of which the replay buffer is made
OF_BUFFER = (
    *("buffer_size", "replay_buffer_class", "replay_buffer_kwargs", "optimize_memory_usage", "n_steps"),
    "soft_n_step",
)


def make(key: str, **kwargs: Any) -> Any:
    """:return: a model that learns fast, so that whatever is ignored is seen"""
    given = {"learning_rate": 0.05, "tau": 0.1, "ent_coef": 0.3, "learning_starts": 4, "batch_size": 4, **kwargs}
    own = {"similarity_threshold": 0.6, "similarity_samples": 3, **given}
    if key == "sddpg":  # the other's is its variant's, and that
        own.setdefault("actor_critic", "minimum")
    known = arguments_of(ALGORITHMS.get(key))
    return build(key, make_env(), **{name: value for name, value in own.items() if name in known})


def other(name: str, model: Any) -> Any:
    """:return: another value than the model has; for an argument of which nothing is known, guessed from its kind"""
    held = getattr(model, name)
    if name in OTHER:
        return OTHER[name]
    if isinstance(held, bool):
        return not held
    assert isinstance(held, (int, float)), f"{name} is {held!r}: put another value of it into OTHER"
    return held + 1 if isinstance(held, int) else held / 2 + 0.01


def trained(model: Any) -> Any:
    """:return: the model after some steps"""
    return model.learn(15, log_interval=None)


def differs(model: Any, expected: dict[str, th.Tensor]) -> bool:
    """:return: whether two models have learned different policies"""
    found = learned_state(model)
    return any(not th.equal(found[name], value) for name, value in expected.items() if name.startswith("policy"))


LEARNED: dict[str, dict[str, th.Tensor]] = {}


def learned(key: str, with_it: dict[str, Any]) -> dict[str, th.Tensor]:
    """:return: what a model has learned, which is trained once"""
    told = f"{key} {with_it}"
    if told not in LEARNED:
        LEARNED[told] = learned_state(trained(make(key, **with_it)))
    return LEARNED[told]


def arguments(names: Callable[[str], bool]) -> list[Any]:
    """:return: algorithms with those of their arguments; each argument once in the quick tests"""
    all_names = {name: 0 for key in OFF_POLICY for name in arguments_of(ALGORITHMS.get(key)) if names(name)}
    having = {name: [key for key in OFF_POLICY if name in arguments_of(ALGORITHMS.get(key))] for name in all_names}
    return [
        pytest.param(key, name, id=f"{key}-{name}", marks=() if key == keys[i % len(keys)] else pytest.mark.slow)
        for i, (name, keys) in enumerate(having.items())
        for key in keys
    ]


@pytest.mark.parametrize(("key", "name"), arguments(lambda name: name not in {*FIXED, *OF_BUFFER}))
def test_an_argument_set_afterwards_is_as_if_it_had_been_given(key: str, name: str) -> None:
    with_it = BESIDE.get(name, {})
    assigned = make(key, **with_it)
    value = other(name, assigned)
    setattr(assigned, name, value)
    if name == "plain_critic_init":  # which then is for the file that comes
        assigned.set_parameters(build("sddpg").get_parameters())
        pairs = zip(assigned.critic.parameters(), assigned.plain_critic.parameters(), strict=True)
        assert all(th.equal(*pair) for pair in pairs)
        return
    trained(assigned)
    given = trained(make(key, **{**with_it, name: value}))
    assert_same_state(assigned, given)
    assert repr(getattr(assigned, name)) == repr(getattr(given, name)) or name == "action_noise"
    if name not in SILENT:
        assert differs(given, learned(key, with_it)), "it is not felt"


@pytest.mark.parametrize(("key", "name"), arguments(lambda name: name in OF_BUFFER))
def test_what_the_buffer_is_made_of_is_refused_but_by_load(key: str, name: str) -> None:
    with_it = BESIDE.get(name, {})
    model = make(key, **with_it)
    value, held = other(name, model), deep_state({n: part for n, part in vars(model).items() if n != "env"})
    with pytest.raises(AttributeError, match=rf"^{name} cannot be set, .*load\(path, env=env, {name}=…\)"):
        setattr(model, name, value)
    assert deep_state({n: part for n, part in vars(model).items() if n != "env"}) == held
    # Loading is as good as to have given it at first.
    given = make(key, **{**with_it, name: value})
    loaded = reload(make(key, **with_it), **{name: value})
    for each in (given, loaded):
        each.set_random_seed(0)
        trained(each)
    assert_same_state(loaded, given)
    assert type(loaded.replay_buffer) is type(given.replay_buffer)
    assert repr(getattr(reload(loaded), name)) == repr(value)
    if name not in SILENT:
        plain = make(key, **with_it)
        plain.set_random_seed(0)
        trained(plain)
        assert differs(given, learned_state(plain)), "it is not felt"


TOGETHER = {**OTHER, "blend_temperature": 0.2}


@pytest.mark.parametrize("key", OFF_POLICY)
def test_all_at_once_by_assignment_load_and_custom_objects(key: str) -> None:
    plain = make(key)
    without = {*FIXED, *OF_BUFFER, "variant", "action_noise"}
    names = arguments_of(ALGORITHMS.get(key)).keys() - without
    values = {name: TOGETHER[name] if name in TOGETHER else other(name, plain) for name in names}
    given = make(key, **values)
    assigned = make(key)
    if key == "sac_adaent":  # of a new model its plain critics are
        given.plain_critic_init = "fresh"
        given = make(key, **{**values, "plain_critic_init": "fresh"})
        given.plain_critic_init = "copy"
    assigned.set_arguments(**values)
    models = [assigned, reload(make(key), **values), reload(make(key), custom_objects=values)]
    for model in (given, *models):
        model.set_random_seed(0)
        trained(model)
    for model in models:
        assert_same_state(model, given)
        for name in names:
            assert repr(getattr(model, name)) == repr(getattr(given, name)), name
    again = reload(assigned)
    for name in names:
        assert repr(getattr(again, name)) == repr(getattr(assigned, name)), name


@pytest.mark.parametrize(("key", "name"), arguments(lambda name: name in FIXED))
def test_what_is_built_in_says_what_to_do(key: str, name: str) -> None:
    model = make(key)
    before = model.__dict__.copy()
    for value in ("CnnPolicy", None, 3):
        with pytest.raises(
            AttributeError, match=rf"^{name} is built into a \w+ when it is made.*{value!r} was given: "
        ):
            setattr(model, name, value)
    assert model.__dict__ == before


@pytest.mark.parametrize("key", OFF_POLICY)
def test_an_invalid_value_is_refused_as_by_the_constructor_and_changes_nothing(key: str) -> None:
    model = make(key)
    n_tried = 0
    for name in arguments_of(type(model)).keys() - FIXED.keys():
        for value, words in WRONG.get(name, ()):
            if (value is None and arguments_of(type(model))[name].default is None) or (name, value) == (
                "soft_n_step",
                True,
            ):
                continue
            held = model.__dict__.copy()
            with pytest.raises((ValueError, TypeError), match=words):
                model.set_arguments(**{name: value})
            assert model.__dict__ == held
            n_tried += 1
    assert n_tried > 70
    with pytest.raises(ValueError, match=r"Unknown argument 'taau'.*Did you mean 'tau'"):
        model.set_arguments(taau=0.5)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_what_is_refused_late_has_changed_nothing_within_the_parts(key: str) -> None:
    """Good values beside one that is refused when all other parts are made."""
    model = trained(make(key, ent_coef="auto_0.1"))
    env_features = {"divergence": "mmd", "divergence_kwargs": {"kernel": {"kernel": "linear", "features": "env"}}}
    good: dict[str, Any] = {
        "gamma": 0.5,
        "target_entropy": 0.5,
        "ent_coef_lr": 0.5,
        "use_target_actor": True,
        "actor_critic": "first",
        "stats_window_size": 3,
        "train_freq": 2,
    }

    def held_by() -> Any:
        return deep_state({n: part for n, part in vars(model).items() if n not in ("env", "_logger")})

    for refused in ({"regularizers": [env_features]}, {"batch_size": 201}):
        held = held_by()
        with pytest.raises(ValueError, match=r"action_features|the replay buffer has room for 200 transitions"):
            model.set_arguments(**good, **refused)
        assert held_by() == held
    model.set_arguments(**good)
    assert (model.gamma, model.temperature.target, model.temperature.learning_rate) == (0.5, 0.5, 0.5)
    assert model.train_freq.frequency == 2
    assert model.actor_target is not None
    assert isinstance(model.critic_choice, FirstCritic)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_callback_may_set_it(key: str) -> None:
    model = make(key)
    logged = record(model)
    act = assignment(ent_coef=0.5, learning_rate=0.001, train_freq=2)
    model.learn(24, AtRollout(15, act), log_interval=1)
    # 7 steps an episode; the log is written at its end, before the update.
    assert logged.values["train/ent_coef"] == pytest.approx([0.3, 0.3, 0.5, 0.5])
    assert logged.values["train/learning_rate"] == [0.05, 0.05, 0.001, 0.001]
    # From step 5 on after each, and, from the rollout on that follows, after 17, 19, 21, 23 and 25.
    assert model._n_updates == 11 + 5


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_tuned_temperature_keeps_its_state(key: str) -> None:
    model = trained(make(key, **TUNED))
    reached = alpha(model)
    assert reached != pytest.approx(0.3)
    for name, value in {"gamma": 0.9, "ent_coef": "auto_0.3", "actor_critic": "first", "regularizers": None}.items():
        setattr(model, name, value)
        assert alpha(model) == reached
    steps = model.ent_coef_optimizer.state_dict()["state"][0]["step"].clone()
    model.target_entropy, model.ent_coef_lr = 0.9, 0.5
    assert (alpha(model), model.temperature.target, model.temperature.learning_rate) == (reached, 0.9, 0.5)
    assert model.ent_coef_optimizer is model.temperature.optimizer
    assert model.ent_coef_optimizer.state_dict()["state"][0]["step"] == steps > 0
    model.ent_coef_gradient = "alpha"
    assert alpha(model) == pytest.approx(reached)
    assert model.temperature.in_log is False
    again = reload(model, ent_coef="auto_0.3", target_entropy=0.8, gamma=0.7)
    assert (alpha(again), again.temperature.target) == (alpha(model), 0.8)
    for value, start in ((0.2, 0.2), ("auto_0.1", 0.1), ("decay_3_0.5", 3.0)):
        model.ent_coef = value
        assert alpha(model) == pytest.approx(start)
    n = model._n_updates
    trained(model)
    assert alpha(model) == 3 * 0.5 ** (model._n_updates - n)  # by gradient steps


@pytest.mark.parametrize("key", ["sddpg"])
def test_alphas_schedules_and_its_own_step_size(key: str) -> None:
    def alphas(**kwargs: Any) -> list[float]:
        model = make(key, learning_rate=0.0, gradient_steps=2, **kwargs)
        logged = record(model)
        model.learn(28, log_interval=1)
        return [float(value) for value in logged.values["train/ent_coef"]]

    # The log is written at steps 7, 14, … with the mean of the update before, at 6, 13, …; and at the end.
    assert alphas(ent_coef="lin_0.4") == pytest.approx([0.4 * (1 - n / 28) for n in (6, 13, 20, 27, 28)])
    assert alphas(ent_coef=lambda progress: progress**2) == pytest.approx(
        [(1 - n / 28) ** 2 for n in (6, 13, 20, 27, 28)]
    )
    # From step 5 on two gradient steps each.
    decayed = [(0.9 ** (2 * (n - 5)) + 0.9 ** (2 * (n - 5) + 1)) / 2 for n in (6, 13, 20, 27, 28)]
    assert alphas(ent_coef="decay_1_0.9") == pytest.approx(decayed)
    # With learning_rate=0 α stands still, but for a step size of its own.
    assert alphas(ent_coef="auto_0.1") == pytest.approx([0.1] * 5)
    moved = alphas(ent_coef="auto_0.1", ent_coef_lr=0.1)
    assert len(set(moved)) == 5
    # Adam's first steps are of its step size: of log α, or of α.
    in_alpha = alphas(ent_coef="auto_0.5", ent_coef_lr=0.01, ent_coef_gradient="alpha", target_entropy=-9.0)
    in_log = alphas(ent_coef="auto_0.5", ent_coef_lr=0.01, target_entropy=-9.0)
    assert in_alpha[0] == pytest.approx(0.5 - 0.01 * 2.5, rel=1e-3)
    assert in_log[0] == pytest.approx(0.5 * (1 - 0.01 * 2.5), rel=1e-3)


def test_alpha_itself_stays_above_zero() -> None:
    model = make("sddpg", ent_coef="auto_0.1", ent_coef_lr=0.5, ent_coef_gradient="alpha", target_entropy=-9.0)
    assert alpha(trained(model)) == 0.0


@pytest.mark.parametrize("key", OFF_POLICY)
def test_episodes_need_one_environment(key: str) -> None:
    words = r"train_freq=\(1, 'episode'\) needs one environment, but there are 2: .*Give a number of steps"
    with pytest.raises(ValueError, match=words):
        build(key, make_vec_env(2), train_freq=(1, "episode"))
    model = build(key, make_vec_env(2), train_freq=3)
    with pytest.raises(ValueError, match=words):
        model.train_freq = (1, "episode")
    assert model.train_freq.frequency == 3


@pytest.mark.parametrize("key", OFF_POLICY)
def test_the_buffer_may_be_exchanged_as_a_whole(key: str) -> None:
    model = make(key)
    mine = ReplayBuffer(50, model.observation_space, model.action_space, "cpu")
    model.replay_buffer = mine
    trained(model)
    assert model.replay_buffer is mine
    assert mine.size() == 15
