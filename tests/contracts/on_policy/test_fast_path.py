"""
The fast path trains what the general one trains, to the same bits: parameters, optimiser, generators, logs and files.
"""

import copy
import io
import json
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.vec_env import VecNormalize
from torch.nn import functional as F

from contracts.envs import ACTIONS, OBSERVATIONS, make_env, make_vec_env
from contracts.models import (
    ASYNCHRONOUS,
    ON_POLICY,
    arguments_of,
    assert_equal_parameters,
    assert_same_state,
    build,
    has_moved,
    parameters,
    record,
)
from contracts.pairs import combinations
from sb3_entropy.algorithms.on_policy.fast.choice import why_general
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.distributions.std_schemes.global_ import GlobalStd
from sb3_entropy.distributions.std_schemes.global_local import GlobalLocalStd
from sb3_entropy.distributions.std_schemes.local import LocalStd
from sb3_entropy.registry import ALGORITHMS, STD_SCHEMES

SCHEMES = STD_SCHEMES.keys()


def blas_keeps_bits() -> bool:
    """
    :return: whether matrix products written out have autograd's bits here, by PyTorch alone: where they have not,
        nothing can be said of ours
    """
    generator = th.Generator().manual_seed(0)
    for n_states, n_in, n_out in ((1, 3, 8), (8, 3, 8), (7, 8, 5), (64, 17, 64)):
        x, weight, bias, g = (
            th.randn(shape, generator=generator)
            for shape in ((n_states, n_in), (n_out, n_in), (n_out,), (n_states, n_out))
        )
        leaves = [leaf.requires_grad_() for leaf in (x, weight, bias)]
        theirs = th.autograd.grad(F.linear(*leaves), leaves, g)
        ours = th.mm(g, weight.detach()), th.mm(g.t(), x.detach()), g.sum(0)
        if not all(th.equal(a, b) for a, b in zip(ours, theirs, strict=True)):
            return False
    return True


SAME_BITS = blas_keeps_bits()
BITS_UNCOMPARED = "bits were not compared: this BLAS sums gradients otherwise."
bits = pytest.mark.skipif(not SAME_BITS, reason=BITS_UNCOMPARED)

# By name: the action space, policy_kwargs.
POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"box-{scheme}": ("box", {"std_scheme": scheme}) for scheme in SCHEMES},
    "discrete": ("discrete", {}),
    "multi_discrete": ("multi_discrete", {}),
    "multi_binary": ("multi_binary", {}),
    "deep": ("box", {"net_arch": {"pi": [7, 5, 3], "vf": [9]}, "activation_fn": th.nn.ReLU, "log_std_init": -0.7}),
    "linear": ("discrete", {"net_arch": [], "share_features_extractor": False}),
    "tf": ("discrete", {"optimizer_class": RMSpropTFLike, "optimizer_kwargs": {"alpha": 0.9, "eps": 1e-3}}),
}
# By name: settings, and what the environments are.
SETTINGS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "hard": {"ent_coef": 0.0},
    "tuned": {"ent_coef": "auto_0.1"},
    "log_prob": {"ent_coef": 0.1, "soft_gradient": "log_prob", "normalize_advantage": True},
    "normalised": {"ent_coef": 0.1, "ent_coef_unit": "normalised", "normalize_advantage": True},
    "not whitened": {"normalize_advantage": False, "ent_coef": 0.0},
    "attracted": {"regularizers": [{"divergence": "kl", "reference": "previous", "coef": 0.3}]},
    "repelled": {"regularizers": [{"divergence": "hellinger", "reference": "ema", "mode": "repel", "coef": 0.3}]},
    "clipped value": {"clip_range_vf": 0.05, "ent_coef": 0.0},
    "stopped": {"target_kl": 1e-4, "n_epochs": 4, "learning_rate": 0.01},
    "odd batches": {"batch_size": 5, "ent_coef": 0.0},
    "schedules": {"learning_rate": lambda progress: 0.01 * progress, "max_grad_norm": 1e-3},
    "not clipped": {"max_grad_norm": None},
    "episodes": {"n_episodes": 3},
    "no baseline": {"baseline": False},
    "sub-sampled": {"sub_sampling_factor": 3},
    "adam": {"use_rms_prop": False},
}
WORLDS: dict[str, Callable[[str], Any]] = {
    "one": lambda actions: make_env(actions=actions, truncates=True),
    "three": lambda actions: make_vec_env(3, actions=actions, truncates=True),
    "normalised": lambda actions: VecNormalize(make_vec_env(2, actions=actions, truncates=True), gamma=0.9),
    "choices seen": lambda actions: make_env("multi_discrete", actions),
}


def allowed(key: str, policy: str, setting: str, world: str) -> bool:
    """:return: whether the algorithm has the arguments, and the settings fit together"""
    given = SETTINGS[setting]
    known = arguments_of(ALGORITHMS.get(key))
    optimizer = POLICIES[policy][1].get("optimizer_class")
    return given.keys() <= known.keys() and not (optimizer and "use_rms_prop" in given)


def made(key: str, policy: str, setting: dict[str, Any], world: str, fast: bool | str) -> Any:
    """:return: a model that is not trained yet; of the settings those that its algorithm has"""
    actions, policy_kwargs = POLICIES[policy]
    known = arguments_of(ALGORITHMS.get(key)).keys()
    settings = {name: value for name, value in {"n_epochs": 2, **setting}.items() if name in known}
    return build(
        key,
        WORLDS[world](actions),
        **{"n_steps": 8, **copy.deepcopy(settings)},
        policy_kwargs=policy_kwargs,
        fast=fast,
    )


def trained(key: str, policy: str, setting: str, world: str, fast: bool | str) -> tuple[Any, Any, Any]:
    """:return: a model after several rollouts, what it has logged, and the state of the generators"""
    model = made(key, policy, SETTINGS[setting], world, fast)
    start = parameters(model)
    log = record(model)
    model.learn(3 * 8 * model.n_envs, log_interval=1)
    assert has_moved(model, start)
    return model, log.values, (th.get_rng_state(), np.random.get_state()[1].tolist())


def assert_close_gradients(key: str, policy: str, setting: str, world: str, fast: bool | str) -> None:
    """Those of one minibatch agree with the general path's to 10⁻⁴ of the largest."""
    gradients = []
    for path in (False, fast):
        model = made(key, policy, {**SETTINGS[setting], "n_epochs": 1, "batch_size": 24}, world, path)
        model.learn(8 * model.n_envs)
        assert (model._flat_policy is not None) == (path == fast)
        gradients.append([parameter.grad for parameter in model.policy.parameters()])
    for theirs, ours in zip(*gradients, strict=True):
        assert (theirs is None) == (ours is None)
        if theirs is not None and ours is not None:
            th.testing.assert_close(ours, theirs, rtol=0, atol=1e-4 * float(theirs.abs().max()) + 1e-9)


def content(model: Any) -> tuple[dict[str, Any], dict[str, Any], int]:
    """:return: what a file says of a model, but for when it began and its path; tensors of the file; bytes of them"""
    file = io.BytesIO()
    model.save(file)
    with zipfile.ZipFile(file) as archive:
        said = json.loads(archive.read("data"))
        tensors = {
            name: th.load(io.BytesIO(archive.read(name)), weights_only=False)
            for name in ("policy.pth", "policy.optimizer.pth")
        }
        size = sum(archive.getinfo(name).file_size for name in tensors)
    for name in ("start_time", "fast"):
        said.pop(name)
    return said, tensors, size


def assert_same_logs(ours: dict[str, list[Any]], theirs: dict[str, list[Any]]) -> None:
    """Bit for bit, but for the time."""
    names = {name for name in theirs if not name.startswith("time/")}
    assert names == {name for name in ours if not name.startswith("time/")}
    for name in names:
        assert ours[name] == pytest.approx(theirs[name], rel=0, abs=0, nan_ok=True), name


@pytest.mark.filterwarnings(
    "ignore:You have specified a mini-batch", "ignore:No episode has ended", "ignore:.*outside the"
)
@pytest.mark.filterwarnings("ignore:ent_coef=.* tunes the temperature")
@pytest.mark.parametrize(
    ("key", "policy", "setting", "world"),
    combinations(ON_POLICY, POLICIES, SETTINGS, WORLDS, allowed=allowed, inheriting=ASYNCHRONOUS),
)
def test_it_is_the_general_path_bit_for_bit(key: str, policy: str, setting: str, world: str) -> None:
    if not SAME_BITS:
        assert_close_gradients(key, policy, setting, world, True)
        pytest.skip(f"{BITS_UNCOMPARED} Gradients of one minibatch agree within 1e-4 of the largest.")
    general, fast = (trained(key, policy, setting, world, fast=fast) for fast in (False, True))
    assert why_general(fast[0]) is None
    assert_same_state(fast[0], general[0])
    assert_same_logs(fast[1], general[1])
    assert th.equal(fast[2][0], general[2][0])
    assert fast[2][1] == general[2][1]
    assert fast[0].num_timesteps == general[0].num_timesteps


@bits
@pytest.mark.parametrize("key", ON_POLICY)
def test_its_files_are_those_of_the_general_path(key: str) -> None:
    general, fast = (trained(key, "box-global", "defaults", "one", fast=fast)[0] for fast in (False, True))
    theirs, ours = content(general), content(fast)
    changing = {name for name, value in theirs[0].items() if isinstance(value, dict) and ":serialized:" in value}
    assert {n: v for n, v in ours[0].items() if n not in changing} == {
        n: v for n, v in theirs[0].items() if n not in changing
    }
    assert ours[0].keys() == theirs[0].keys()
    assert ours[2] <= theirs[2]
    for name, tensor in theirs[1]["policy.pth"].items():
        assert th.equal(tensor, ours[1]["policy.pth"][name])
        assert tensor.untyped_storage().size() == ours[1]["policy.pth"][name].untyped_storage().size()
    for model in (fast, general):  # they go on where they were
        seeded(model).learn(16, reset_num_timesteps=False)
    assert_same_state(fast, general)


# ---------------------------------------------------------------------- what happens in between


def seeded(model: Any) -> Any:
    """:return: the model, in an environment at its start, with generators at theirs"""
    model.set_env(make_env(truncates=True))
    model.set_random_seed(3)
    return model


def reloaded(model: Any) -> Any:
    """:return: what comes back from a file in memory"""
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    return type(model).load(file, env=make_env(truncates=True), device="cpu")


def set_back(model: Any) -> Any:
    """Parameters and optimiser of its own start, given back to it."""
    model.set_parameters(build(type(model), seed=5).get_parameters())
    return model


def optimizer_loaded(model: Any) -> Any:
    """The optimiser's state from a copy."""
    model.policy.optimizer.load_state_dict(copy.deepcopy(model.policy.optimizer.state_dict()))
    return model


def moved(model: Any) -> Any:
    """The policy to another dtype and back: every parameter has another tensor."""
    model.policy.to(th.float64)
    assert why_general(model) is not None
    model.policy.to(th.float32)
    return model


def exchanged(model: Any) -> Any:
    """A layer is another one, and the optimiser is made anew."""
    net = model.policy.mlp_extractor.policy_net
    net[0] = copy.deepcopy(net[0])
    optimizer = model.policy.optimizer
    model.policy.optimizer = type(optimizer)(model.policy.parameters(), **{"lr": optimizer.param_groups[0]["lr"]})
    return model


def own_step(model: Any) -> Any:
    """A step that somebody takes with the optimiser."""
    optimizer = model.policy.optimizer
    optimizer.zero_grad()
    observation = th.zeros((2, *model.observation_space.shape))
    distribution = model.policy.get_distribution(observation)
    parts = model.policy.predict_values(observation), distribution.mode(), distribution.entropy()
    sum(part.sum() for part in parts).backward()
    optimizer.step()
    return model


@bits
@pytest.mark.parametrize("between", [reloaded, set_back, optimizer_loaded, moved, exchanged, own_step])
@pytest.mark.parametrize("key", ["sppo", "sa2c"])
def test_it_goes_on_after_what_gives_the_policy_other_tensors(key: str, between: Callable[[Any], Any]) -> None:
    outcomes = []
    for fast in (False, True):
        model = build(key, make_env(truncates=True), fast=fast, n_steps=8).learn(16)
        model = seeded(between(model)).learn(16)
        assert (model._flat_policy is not None) == fast
        outcomes.append(model)
    assert_same_state(*outcomes)


@pytest.mark.parametrize("key", ["sppo", "sa2c"])
def test_a_copy_and_what_it_was_made_of_go_on_apart(key: str) -> None:
    model = build(key, make_env(truncates=True), fast=True, n_steps=8).learn(16)
    start = parameters(model)
    other = seeded(copy.deepcopy(model)).learn(16)
    assert has_moved(other, start)
    assert_equal_parameters(model, start)
    assert_same_state(seeded(model).learn(16), other)


class Between(BaseCallback):
    """Does something when the second rollout begins, or when it has ended and is not learned from yet."""

    def __init__(self, act: Callable[[Any], Any], at_start: bool):
        super().__init__()
        self.act, self.at_start, self.seen = act, at_start, 0

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self.seen += 1
        if self.at_start and self.seen == 2:
            self.act(self.model)

    def _on_rollout_end(self) -> None:
        if not self.at_start and self.seen == 2:
            self.act(self.model)


def scaled(model: Any) -> None:
    """Writes into parameters."""
    with th.no_grad():
        for parameter in model.policy.parameters():
            parameter.mul_(1.1)


def given_data(model: Any) -> None:
    """Other tensors in the parameters."""
    for parameter in model.policy.parameters():
        parameter.data = parameter.data * 1.1


def hooked(model: Any) -> None:
    """Doubles what a layer gives, from here on."""
    model.policy.action_net.register_forward_hook(lambda module, x, y: 2 * y)


def hooked_gradient(model: Any) -> None:
    """Halves a gradient once it is accumulated."""

    def halve(parameter: th.Tensor) -> None:
        assert parameter.grad is not None
        parameter.grad.mul_(0.5)

    model.policy.action_net.weight.register_post_accumulate_grad_hook(halve)


def frozen(model: Any) -> None:
    """A layer stays as it is."""
    model.policy.action_net.weight.requires_grad_(False)


def frozen_value(model: Any) -> None:
    """The critic's last layer stays as it is."""
    model.policy.value_net.weight.requires_grad_(False)


def another_activation(model: Any) -> None:
    """One that the fast path knows."""
    model.policy.mlp_extractor.policy_net[1] = th.nn.ReLU()


def an_unknown_activation(model: Any) -> None:
    """One that it does not know."""
    model.policy.mlp_extractor.policy_net[1] = th.nn.ELU()


def shared(model: Any) -> None:
    """Actor and critic have the same hidden layers from here on."""
    model.policy.mlp_extractor.value_net = model.policy.mlp_extractor.policy_net
    model.policy.optimizer = th.optim.Adam(model.policy.parameters(), lr=1e-3)


def wider(model: Any) -> None:
    """A σ that is not learned is another buffer."""
    model.policy.log_std = model.policy.log_std + 0.3


def own_density(model: Any) -> None:
    """A method of the distribution is another."""
    held = model.policy.action_dist.log_prob
    model.policy.action_dist.log_prob = lambda actions: 0.9 * held(actions)


def own_latent(model: Any) -> None:
    """A method of the extractor is another."""
    held = model.policy.mlp_extractor.forward_actor
    model.policy.mlp_extractor.forward_actor = lambda features: held(features) + 0.1


def own_add(model: Any) -> None:
    """A method of the rollout buffer is another."""
    held = model.rollout_buffer.add
    model.rollout_buffer.add = lambda obs, actions, rewards, *others: held(obs, actions, rewards / 2, *others)


def step_on_the_mean(model: Any) -> None:
    """A step that somebody takes with a part of the actor."""
    model.policy.optimizer.zero_grad()
    model.policy.get_distribution(th.zeros((2, 3))).mode().sum().backward()
    model.policy.optimizer.step()


def another_group(model: Any) -> None:
    """The optimiser's options are another dict."""
    optimizer = model.policy.optimizer
    optimizer.param_groups[0] = dict(optimizer.param_groups[0], eps=0.1)


STAYS_FAST = (scaled, given_data, another_activation, wider, another_group)
LEAVES = (hooked, hooked_gradient, frozen, frozen_value, an_unknown_activation, shared, own_density, own_latent)
LEAVES += (own_add, step_on_the_mean)  # type: ignore[assignment]


@bits
@pytest.mark.parametrize("at_start", [True, False])
@pytest.mark.parametrize("act", [*STAYS_FAST, *LEAVES])
def test_what_a_callback_changes_is_seen_at_once(act: Callable[[Any], None], at_start: bool) -> None:
    outcomes = []
    scheme = {"std_scheme": "fixed"} if act is wider else {}
    for fast in (False, "auto"):
        model = build("sppo", make_env(truncates=True), fast=fast, n_steps=8, policy_kwargs=scheme)
        outcomes.append(model.learn(40, callback=Between(act, at_start)))
    assert_same_state(*outcomes)
    assert (outcomes[1]._flat_policy is not None) == (act in STAYS_FAST)


@bits
@pytest.mark.filterwarnings("ignore:.*lies outside the action box")
def test_numbers_that_leave_the_finite_are_found_in_the_same_minibatch_and_in_the_same_words() -> None:
    """So that nothing has been learned from them: in the middle of an update σ becomes 0."""

    class Collapsing(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            self.model.policy.log_std.data.fill_(-200.0)  # type: ignore[union-attr]

    said = []
    for fast in (False, True):
        model = build("sppo", fast=fast, n_steps=8)
        with pytest.raises(ValueError, match="has become NaN or infinite") as error:
            model.learn(16, callback=Collapsing())
        said.append((str(error.value), [p.detach().numpy() for p in model.policy.parameters()]))
    assert said[0][0] == said[1][0]
    for theirs, ours in zip(said[0][1], said[1][1], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_buffer_is_filled_where_it_is_given() -> None:
    model = build("sppo", fast=True, n_steps=8)
    _, callback = model._setup_learn(8)
    own = copy.deepcopy(model.rollout_buffer)
    own.soft_rewards = None
    assert model.collect_rollouts(model.env, callback, own, 8)
    assert (own.pos, model.rollout_buffer.pos) == (8, 0)


def test_the_default_dtype_does_not_matter() -> None:
    outcomes = []
    for dtype in (th.float32, th.float64):
        model = build("sppo", fast=True, n_steps=8)
        th.set_default_dtype(dtype)
        try:
            outcomes.append(model.learn(16))
        finally:
            th.set_default_dtype(th.float32)
    assert all(parameter.dtype is th.float32 for parameter in outcomes[1].policy.parameters())


def test_what_leaves_the_fast_path_leaves_nothing_behind() -> None:
    model = build("sppo", fast=True, n_steps=8).learn(8)
    assert model.policy.log_std.untyped_storage().nbytes() > 100
    model.fast = False
    model.learn(8)
    assert model.policy.log_std.untyped_storage().nbytes() == 8


# ---------------------------------------------------------------------- which path


class OwnBuffer(RolloutBuffer):
    """Somebody's."""


class OwnLoss(ALGORITHMS.get("sppo")):  # type: ignore[misc]
    """Somebody's, with a loss of its own."""

    def _policy_loss(self, advantages: Any, log_prob: Any, batch: Any) -> Any:
        return super()._policy_loss(advantages, log_prob, batch)


STANDING_IN_THE_WAY: dict[str, tuple[Callable[[], Any], str]] = {
    "images": (lambda: build("sppo", make_env("image"), policy="CnnPolicy"), "SoftActorCriticCnnPolicy"),
    "dict": (lambda: build("sppo", make_env("dict"), policy="MultiInputPolicy"), "MultiInputActorCriticPolicy"),
    "gsde": (lambda: build("sppo", use_sde=True), "StateDependentNoise"),
    "beta": (lambda: build("sppo", policy_kwargs={"action_distribution": "beta"}), "BetaDistribution"),
    "elu": (lambda: build("sppo", policy_kwargs={"activation_fn": th.nn.ELU}), "ELU"),
    "sgd": (lambda: build("sppo", policy_kwargs={"optimizer_class": th.optim.SGD}), "SGD"),
    "weight decay": (
        lambda: build("sppo", policy_kwargs={"optimizer_kwargs": {"weight_decay": 0.1}}),
        "weight_decay=0.1",
    ),
    "own loss": (lambda: build(OwnLoss), "_policy_loss"),
    "own buffer": (lambda: build("sppo", rollout_buffer_class=OwnBuffer), "SoftOwnBuffer"),
    "gradient share": (
        lambda: build("sppo", regularizers=[{"divergence": "kl", "reference": "previous", "coef": "share_0.1"}]),
        "share of the gradient",
    ),
    "compiled": (lambda: compiled(build("sppo")), "compiled"),
    "replaced": (lambda: with_attribute(build("sppo"), "forward"), "forward"),
    "uneven": (lambda: uneven(build("sppo")), "more steps with some parameters"),
    "double": (lambda: double(build("sppo")), "float64"),
}


def compiled(model: Any) -> Any:
    """:return: the model, its policy compiled"""
    model.policy = th.compile(model.policy, backend="eager")
    return model


def with_attribute(model: Any, name: str) -> Any:
    """:return: the model, a method of its policy in a wrapper"""
    held = getattr(model.policy, name)
    setattr(model.policy, name, partial(held))
    return model


def uneven(model: Any) -> Any:
    """:return: the model, after a step of somebody's on a part of the actor"""
    model.policy.get_distribution(th.zeros((2, 3))).mode().sum().backward()
    model.policy.optimizer.step()
    return model


def double(model: Any) -> Any:
    """:return: the model, its policy in another precision"""
    model.policy.double()
    return model


@pytest.mark.parametrize("name", STANDING_IN_THE_WAY)
def test_what_stands_in_the_way_is_named(name: str) -> None:
    make, words = STANDING_IN_THE_WAY[name]
    model = make()
    assert words in str(why_general(model))
    model.fast = True
    with pytest.raises(ValueError, match=f"fast=True cannot be met, for .*{words}.*Give fast='auto'"):
        model.learn(16)


def test_the_log_says_which_path_runs(capsys: pytest.CaptureFixture[str]) -> None:
    model = build("sppo", verbose=1, n_steps=8).learn(24, log_interval=None)
    assert capsys.readouterr().out.count("Training on the fast path\n") == 1
    model.fast = False
    model.learn(24, log_interval=None)
    assert capsys.readouterr().out.count("Training on the general path: fast=False\n") == 1


@pytest.mark.parametrize("key", ON_POLICY)
@pytest.mark.parametrize("actions", ACTIONS)
def test_every_algorithm_takes_it_by_itself(key: str, actions: str) -> None:
    for observations in ("vector", "discrete"):
        assert why_general(build(key, make_env(observations, actions))) is None
    assert {"vector", "discrete"} < OBSERVATIONS.keys()


# ---------------------------------------------------------------------- what is seen, and what breaks it


class Seen(BaseCallback):
    """Keeps what callbacks see."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[dict[str, Any]] = []

    def _on_step(self) -> bool:
        kept = {}
        for name, value in self.locals.items():
            if isinstance(value, (th.Tensor, np.ndarray)):
                kept[name] = np.array(value.numpy() if isinstance(value, th.Tensor) else value)
        self.steps.append({**kept, "names": sorted(self.locals), "grad": th.is_grad_enabled()})
        return True


@bits
@pytest.mark.parametrize("actions", ACTIONS)
def test_callbacks_see_the_same_numbers(actions: str) -> None:
    seen = []
    for fast in (False, True):
        callback = Seen()
        build("sppo", make_vec_env(2, actions=actions, truncates=True), fast=fast, n_steps=12).learn(48, callback)
        seen.append(callback.steps)
    for theirs, ours in zip(*seen, strict=True):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.mark.parametrize("what", ["observation", "reward"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("actions", ["box", "discrete", "multi_binary"])
def test_what_is_not_finite_is_named_alike(what: str, value: float, actions: str) -> None:
    def spoil(number: int, observation: Any, reward: float) -> tuple[Any, float]:
        if number == 11:
            return (np.full_like(observation, value), reward) if what == "observation" else (observation, value)
        return observation, reward

    said = []
    for fast in (False, True, "rounding"):
        env = make_env(actions=actions, spoil=spoil, length=100)
        with pytest.raises(ValueError, match=f"NaN or infinite {what}") as error:
            build("sppo", env, fast=fast, n_steps=16).learn(32)
        said.append((str(error.value), env.n_observed))
    assert said[0] == said[1] == said[2]


class Stop(BaseCallback):
    """Raises at a step."""

    def __init__(self, error: type[BaseException], at: int):
        super().__init__()
        self.error, self.at = error, at

    def _on_step(self) -> bool:
        if self.num_timesteps == self.at:
            raise self.error("stop")
        return True


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["rollout", "update"])
def test_a_model_that_was_interrupted_can_be_used(
    where: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build("sppo", fast=True, n_steps=8).learn(8)
    with monkeypatch.context() as patch:
        if where == "update":
            made = FlatPolicy.features
            calls = iter(range(100))

            def features(self: FlatPolicy, observations: th.Tensor) -> th.Tensor:
                if next(calls) == 10:
                    raise error("stop")
                return made(self, observations)

            patch.setattr(FlatPolicy, "features", features)
        with pytest.raises(error):
            model.learn(8, callback=Stop(error, 5) if where == "rollout" else None)
    assert not any(parameter.is_inference() for parameter in model.policy.parameters())
    before = parameters(reloaded(model))
    assert_equal_parameters(model, before)
    own_step(model)
    model.learn(8)
    assert has_moved(model, before)
    general = reloaded(model)
    general.fast = False
    for one in (model, general):
        seeded(one).learn(8)
    if SAME_BITS:
        assert_same_state(model, general)


# ---------------------------------------------------------------------- schemes and loops of one's own


class Sub(GlobalStd):
    """Says nothing new."""


class InPlace(GlobalLocalStd):
    """Writes into what it is given."""

    def of_head(self, output: Any, log_std: Any) -> Any:
        return log_std + self.delta * output.tanh_()


class Own(LocalStd):
    """Gives what it keeps."""

    def of_head(self, output: Any, log_std: Any) -> Any:
        self.kept = super().of_head(output, log_std)
        return self.kept


def with_scheme(cls: Any, **settings: Any) -> Callable[[Any], None]:
    """:return: what puts a scheme of that class into a model, with what its own one has learned"""

    def act(model: Any) -> None:
        policy = model.policy
        other = cls(policy.mlp_extractor.latent_dim_pi, model.action_space.shape[0], **settings)
        if hasattr(policy.std_scheme, "head") and hasattr(other, "head"):
            other.head = policy.std_scheme.head
        policy.std_scheme = other

    return act


def narrower(model: Any) -> None:
    """Another range of the local increment."""
    model.policy.std_scheme.delta = 0.3


def emptied(model: Any) -> None:
    """Entries of the optimiser's state that somebody has asked for, without a step."""
    for parameter in model.policy.parameters():
        assert model.policy.optimizer.state[parameter] is not None


def held_elsewhere(model: Any) -> None:
    """The buffer of a fixed σ is another one."""
    model.policy.log_std.data = model.policy.log_std.data - 0.5


@bits
@pytest.mark.parametrize("key", ["sppo", "sa2c"])
@pytest.mark.parametrize(
    ("scheme", "act"),
    [
        ("global", with_scheme(Sub)),
        ("global_local", with_scheme(InPlace)),
        ("global_local", narrower),
        ("global_clipped_local", narrower),
        ("global", emptied),
        ("fixed", held_elsewhere),
    ],
)
def test_schemes_that_are_changed_give_the_same_bits(key: str, scheme: str, act: Callable[[Any], Any]) -> None:
    outcomes = []
    for fast in (False, "auto"):
        env = make_env(truncates=True)
        model = build(key, env, fast=fast, n_steps=8, ent_coef=0.1, policy_kwargs={"std_scheme": scheme})
        act(model)
        model.learn(16)
        act(model)
        outcomes.append(seeded(model).learn(24))
    assert_same_state(*outcomes)


def test_sampling_within_rounding_leaves_a_scheme_what_is_its_own() -> None:
    """log σ that a scheme keeps stays log σ, at its start near log_std_init = −0.7, and does not become σ."""
    policy_kwargs = {"std_scheme": "local", "log_std_init": -0.7}
    model = build("sppo", make_env(), fast="rounding", n_steps=8, policy_kwargs=policy_kwargs)
    with_scheme(Own, log_std_init=-0.7)(model)
    model._choose_path()
    assert model._flat_policy is not None
    model._flat_policy.sample(th.zeros((1, *model.observation_space.shape)))
    assert model.policy.std_scheme.kept.detach().numpy() == pytest.approx(-0.7, abs=1e-4)


@pytest.mark.parametrize("fast", [False, "auto"])
def test_a_loop_of_ones_own_may_change_anything(fast: bool | str) -> None:
    """A network with other layers, between an update and a rollout that learn() does not call."""
    model = build("sppo", make_env(truncates=True), fast=fast, n_steps=8)
    _, callback = model._setup_learn(64, None)
    callback.on_training_start(locals(), globals())
    for _ in range(2):
        model.collect_rollouts(model.env, callback, model.rollout_buffer, 8)
        model.train()
    model.policy.mlp_extractor.policy_net.append(th.nn.Dropout(0.9))
    model.collect_rollouts(model.env, callback, model.rollout_buffer, 8)
    assert model._flat_policy is None
    assert not model.policy.mlp_extractor.policy_net[-1].training


def test_schemes_that_stand_in_the_way() -> None:
    class Unused(GlobalLocalStd):
        def of_head(self, output: Any, log_std: Any) -> Any:
            return self.delta * th.tanh(output)

    class Trained(GlobalStd):
        def train(self, mode: bool = True) -> Any:
            return super().train(mode)

    model = build("sppo", make_env(), n_steps=8, policy_kwargs={"std_scheme": "global_local"})
    with_scheme(Unused)(model)
    assert why_general(model) == "the parameter log_std is not used by the std scheme"
    with_scheme(Trained)(model)
    assert "a train() of its own" in str(why_general(model))


def test_a_critic_that_is_to_come_is_not_learned_yet() -> None:
    outcomes = []
    for fast in (False, "auto"):
        model = build("spg", make_env(truncates=True), fast=fast, n_steps=16, baseline=False)
        model.learn(48, callback=Between(lambda model: setattr(model, "baseline", True), at_start=False))
        outcomes.append(model)
    if SAME_BITS:
        assert_same_state(*outcomes)


# ---------------------------------------------------------------------- within rounding


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("key", ["sppo", "sa2c", "spg"])
def test_rounding_is_within_rounding_after_one_minibatch(key: str, policy: str) -> None:
    """Parameters after Adam could differ by its step where gradients are ≈ 0: gradients are compared."""
    assert_close_gradients(key, policy, "defaults", "three", "rounding")
