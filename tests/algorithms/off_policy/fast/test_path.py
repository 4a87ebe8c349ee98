"""The fast path against Stable-Baselines3's SAC, and against autograd on the modules themselves."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.utils import polyak_update
from torch import nn

from algorithms.off_policy.fast.worlds import (
    HALF_CHEETAH,
    PENDULUM,
    path_of,
    sac,
    schedule,
    train_fast,
    twin,
    with_plain,
)
from sb3_entropy.algorithms.off_policy.diverged import DivergedError, check_finite

#: by name: policy_kwargs
NETWORKS: dict[str, dict[str, Any]] = {
    "stock": {"optimizer_kwargs": {"eps": 1e-5}},
    "tanh": {"net_arch": {"pi": [7, 5, 3], "qf": [9]}, "activation_fn": nn.Tanh, "n_critics": 3},
    "linear": {"net_arch": [], "n_critics": 1},
    "deep": {"net_arch": {"pi": [16], "qf": [11, 13, 6, 5]}, "optimizer_kwargs": {"betas": (0.7, 0.9), "eps": 1e-5}},
}


def distances(one: SAC, other: SAC) -> th.Tensor:
    """:return: the differences of all parameters, log α's included, shape (n,)"""
    pairs = [*zip(one.policy.parameters(), other.policy.parameters(), strict=True)]
    if one.log_ent_coef is not None and other.log_ent_coef is not None:
        pairs.append((one.log_ent_coef, other.log_ent_coef))  # type: ignore[arg-type]
    return th.cat([(a.detach() - b.detach()).abs().flatten() for a, b in pairs])


def moved(model: SAC, start: dict[str, th.Tensor]) -> bool:
    return all(not th.equal(value, start[name]) for name, value in model.policy.state_dict().items())


def generators() -> tuple[list[int], list[int], int]:
    state = np.random.get_state()
    return th.get_rng_state().tolist(), state[1].tolist(), state[2]


@pytest.mark.parametrize("batch_size", [256, 37])
@pytest.mark.parametrize("ent_coef", ["auto_0.3", 0.2])
@pytest.mark.parametrize("sizes", [PENDULUM, HALF_CHEETAH], ids=["pendulum", "half_cheetah"])
@pytest.mark.parametrize(("eps", "beyond"), [(1e-5, 0.0), (1e-8, 1e-4)])
def test_ten_updates_are_those_of_sac(
    eps: float, beyond: float, sizes: tuple[int, int], ent_coef: Any, batch_size: int
) -> None:
    """
    Within 2·10⁻⁶. Adam divides a gradient by its own size: with its stock ε = 10⁻⁸, one that is rounding alone (10⁻⁹,
    where others are 10⁻³) takes a step that is rounding alone, of up to the learning rate. Few have one.
    """
    found = []
    for fast in (False, True):
        model = sac(sizes, ent_coef=ent_coef, policy_kwargs={"optimizer_kwargs": {"eps": eps}})
        start = copy.deepcopy(model.policy.state_dict())
        th.manual_seed(4)
        np.random.seed(4)
        if fast:
            train_fast(model, path_of(model), 10, batch_size)
        else:
            model.train(10, batch_size)
        assert moved(model, start)
        found.append((model, generators()))
    differ = distances(found[0][0], found[1][0]) > 2e-6
    assert float(differ.float().mean()) <= beyond
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("networks", NETWORKS)
def test_networks_of_any_shape_and_several_environments(networks: str) -> None:
    found = []
    for fast in (False, True):
        model = sac((5, 3), n_envs=3, policy_kwargs=copy.deepcopy(NETWORKS[networks]), ent_coef="auto")
        path = path_of(model) if fast else None
        for seed, rate in ((3, 1e-3), (4, 3e-4)):
            schedule(model, rate)
            th.manual_seed(seed)
            np.random.seed(seed)
            if path is not None:
                train_fast(model, path, 3, 13)
            else:
                model.train(3, 13)
        found.append((model, generators()))
    assert float(distances(found[0][0], found[1][0]).max()) <= 2e-6
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("optimizer_class", [th.optim.Adam, th.optim.RMSprop])
def test_sac_goes_on_from_it_and_it_from_sac(optimizer_class: Any) -> None:
    """Three updates each: theirs, ours, theirs; the optimisers' states, learnt by one, are read by the other."""
    found = []
    for fast in (False, True):
        model = sac(PENDULUM, policy_kwargs={"net_arch": [16, 16], "optimizer_class": optimizer_class})
        th.manual_seed(5)
        np.random.seed(5)
        model.train(3, 19)
        if fast:
            path = path_of(model)
            train_fast(model, path, 3, 19)
            assert path.holds()
            path.release()
            assert not path.holds()
            assert all(p.untyped_storage().nbytes() == 4 * p.numel() for p in model.policy.parameters())
        else:
            model.train(3, 19)
        model.train(3, 19)
        found.append(model)
    assert float(distances(*found).max()) <= 2e-6
    for name in ("actor", "critic"):
        expected, state = (getattr(model.policy, name).optimizer.state_dict()["state"] for model in found)
        for row, entries in expected.items():
            for entry, value in entries.items():
                th.testing.assert_close(state[row][entry], value, rtol=1e-4, atol=1e-7)


# ---------------------------------------------------------------------- one step against autograd


class Modules:
    """
    One step with autograd on a copy of the modules, from the same random numbers.

    :param model: whose policy it is
    :param others: the rest of the parts
    :param batch_size: B
    """

    def __init__(self, model: SAC, others: dict[str, Any], batch_size: int):
        self.model, self.others = twin(model, others)
        critics = [self.model.critic, self.others.get("plain_critic")]
        targets = [self.model.critic_target, self.others.get("plain_critic_target")]
        self.critics, self.targets = ([one for one in own if one is not None] for own in (critics, targets))
        self.batch = self.model.replay_buffer.sample(batch_size)
        self.actions, self.log_prob = self.model.actor.action_log_prob(self.batch.observations)
        actor = self.others.get("target_actor") or self.model.actor
        with th.no_grad():
            if actor is not self.model.actor:
                self.temperature_log_prob = actor.action_log_prob(self.batch.observations)[1]
            self.next_actions, self.next_log_prob = actor.action_log_prob(self.batch.next_observations)

    def values(self, critics: list[Any], next_state: bool = False, actions: th.Tensor | None = None) -> th.Tensor:
        """:return: Q, shape (G, C, B)"""
        observations = self.batch.next_observations if next_state else self.batch.observations
        actions = actions if actions is not None else self.next_actions if next_state else self.actions
        return th.stack([th.cat(critic(observations, actions), 1).T for critic in critics])

    def descend_critics(self, targets: th.Tensor) -> list[th.Tensor]:
        """:return: the loss of each group"""
        losses = []
        for critic, own in zip(self.critics, targets, strict=True):
            values = critic(self.batch.observations, self.batch.actions)
            loss = 0.5 * sum(nn.functional.mse_loss(q[:, 0], own) for q in values)
            critic.optimizer.zero_grad()
            loss.backward()
            critic.optimizer.step()
            losses.append(loss.detach())
        return losses

    def descend_actor(self, values: th.Tensor, weights: th.Tensor, alpha: Any, added: Any = 0.0) -> th.Tensor:
        """:return: the loss"""
        loss = (alpha * self.log_prob - (weights * values).sum((0, 1))).mean()
        self.model.actor.optimizer.zero_grad()
        (loss + added).backward()
        self.model.actor.optimizer.step()
        return loss.detach()


def both(
    sizes: tuple[int, int] = (5, 3), batch_size: int = 31, plain: bool = True, actor_too: bool = False, **others: Any
) -> tuple[Any, Modules]:
    """:return: a path that has begun a batch, and the modules that have begun the same"""
    model = sac(sizes, policy_kwargs={"net_arch": {"pi": [12, 9], "qf": [10, 14]}, "optimizer_kwargs": {"eps": 1e-5}})
    beside = with_plain(model) if plain else {}
    if actor_too:
        beside["target_actor"] = model.policy.make_actor()
    th.manual_seed(11)
    np.random.seed(11)
    modules = Modules(model, beside, batch_size)
    th.manual_seed(11)
    np.random.seed(11)
    path = path_of(model, **beside, **others)
    path.begin(path.sample(batch_size))
    return path, modules


def assert_same_parameters(path: Any, modules: Modules, rtol: float = 1e-5) -> None:
    """Parameters, and gradients where there are some, of all modules."""
    pairs = [(path.policy, modules.model.policy)]
    pairs += [(getattr(path.parts, name), module) for name, module in modules.others.items()]
    for ours, theirs in pairs:
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            th.testing.assert_close(one, other, rtol=rtol, atol=2e-6)


def assert_same_gradients(ours: Any, theirs: Any) -> None:
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        largest = float(other.grad.abs().max())
        assert largest > 0
        th.testing.assert_close(one.grad, other.grad, rtol=2e-4, atol=3e-5 * largest)


def test_four_critics_descend_to_the_targets_of_their_pairs() -> None:
    path, modules = both()
    for ours, theirs in ((path.log_prob, modules.log_prob), (path.next_log_prob, modules.next_log_prob)):
        th.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-5)
    next_values = modules.values(modules.targets, next_state=True).detach()
    th.testing.assert_close(path.next_values(), next_values, rtol=1e-5, atol=1e-6)
    targets = th.randn((2, 31), generator=th.Generator().manual_seed(2))
    found, expected = path.descend_critics(targets), modules.descend_critics(targets)
    th.testing.assert_close(found, th.stack(expected), rtol=1e-5, atol=1e-6)
    for ours, theirs in zip(path.parts.critics, modules.critics, strict=True):
        assert_same_gradients(ours, theirs)
    assert_same_parameters(path, modules)
    assert not found.requires_grad
    path.move_targets(0.3)
    for online, target in zip(modules.critics, modules.targets, strict=True):
        polyak_update(online.parameters(), target.parameters(), 0.3)
    assert_same_parameters(path, modules)


def weights_of(kind: str, values: th.Tensor) -> th.Tensor:
    """:return: which critic teaches, shape (G, C, B)"""
    generator = th.Generator().manual_seed(4)
    weights = th.zeros_like(values)
    if kind == "minimum of one pair each":
        soft = th.rand(values.shape[2], generator=generator) < 0.4
        for group, own in ((0, soft), (1, ~soft)):
            weights[group].scatter_(0, values[group].argmin(0, keepdim=True), own[None].float())
    elif kind == "critic 1":
        weights[0, 0] = 1
    elif kind == "the last":
        weights[1, 1] = 1
    else:
        weights = th.rand(values.shape, generator=generator)
    return weights


@pytest.mark.parametrize("asks", ["nothing", "values", "gradients"])
@pytest.mark.parametrize("on_targets", [False, True], ids=["online", "target critics"])
@pytest.mark.parametrize("kind", ["minimum of one pair each", "critic 1", "the last", "a mixture"])
def test_the_actor_ascends_what_the_weights_say(kind: str, on_targets: bool, asks: str) -> None:
    path, modules = both(actor_on_target_critics=on_targets)
    values = modules.values(modules.targets if on_targets else modules.critics)
    weights = weights_of(kind, values.detach())
    if asks != "nothing":
        th.testing.assert_close(path.values(), values.detach(), rtol=1e-5, atol=1e-6)
    if asks == "gradients":
        critics = path.state_critics(on_targets)
        critics.gradients_at_sample()
        critics.values_and_gradients(-critics.sample)  # has room of its own
        critics.values(-critics.sample.expand(40, -1, -1))
    before = copy.deepcopy([critic.state_dict() for critic in path.parts.critics])
    generator = th.Generator().manual_seed(9)
    alpha = th.rand(31, generator=generator)
    found, expected = path.descend_actor(weights, alpha, None), modules.descend_actor(values, weights, alpha)
    th.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert_same_gradients(path.policy.actor, modules.model.actor)
    assert_same_parameters(path, modules)
    after = [critic.state_dict() for critic in path.parts.critics]
    assert all(th.equal(a[name], b[name]) for a, b in zip(before, after, strict=True) for name in a)


def test_no_gradient_where_the_standard_deviation_is_clamped() -> None:
    path, modules = both(plain=False)
    for actor in (path.policy.actor, modules.model.actor):
        with th.no_grad():
            actor.log_std.bias.copy_(th.tensor([2.5, 0.3, -21.0]))  # above, within, below
    path.begin(modules.batch)
    seeds = th.get_rng_state()
    for begin in (lambda: path.begin(modules.batch), lambda: None):
        th.set_rng_state(seeds)
        begin()
    modules.actions, modules.log_prob = modules.model.actor.action_log_prob(modules.batch.observations)
    values = modules.values(modules.critics)
    weights = weights_of("critic 1", values.detach())
    path.descend_actor(weights, 0.7, None)
    modules.descend_actor(values, weights, 0.7)
    gradient = path.policy.actor.log_std.weight.grad
    assert gradient.abs().amax(1).gt(0).tolist() == [False, True, False]
    th.testing.assert_close(gradient, modules.model.actor.log_std.weight.grad, rtol=1e-4, atol=1e-7)


def test_a_target_actor_draws_the_next_actions_and_follows() -> None:
    path, modules = both(plain=False, actor_too=True)
    th.testing.assert_close(path.temperature_log_prob, modules.temperature_log_prob, rtol=1e-5, atol=1e-5)
    th.testing.assert_close(path.next_log_prob, modules.next_log_prob, rtol=1e-5, atol=1e-5)
    next_values = modules.values(modules.targets, next_state=True).detach()
    th.testing.assert_close(path.next_values(), next_values, rtol=1e-5, atol=1e-6)
    path.move_targets(1.0)
    actors = path.policy.actor, path.parts.target_actor
    assert all(th.equal(a, b) for a, b in zip(*(actor.parameters() for actor in actors), strict=True))


def test_what_regularisers_add_is_descended_too() -> None:
    """A penalty of the policy's law and of the loss: Σ μ² + loss²."""
    path, modules = both(plain=False)
    values = modules.values(modules.critics)
    weights = weights_of("a mixture", values.detach())
    own = (0.2 * modules.log_prob - (weights * values).sum((0, 1))).mean()

    def penalty(actor: Any, loss: th.Tensor) -> th.Tensor:
        means: th.Tensor = actor.get_action_dist_params(modules.batch.observations)[0]
        return means.square().sum() + loss**2

    expected = modules.descend_actor(values, weights, 0.2, penalty(modules.model.actor, own))
    found = path.descend_actor(weights, 0.2, lambda loss: penalty(path.policy.actor, loss))
    th.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    for one, other in zip(path.policy.actor.parameters(), modules.model.actor.parameters(), strict=True):
        if one is not path.policy.actor.log_std:
            th.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
    again, _ = both(plain=False)
    alone, _ = both(plain=False)
    again.descend_actor(weights, 0.2, lambda loss: th.tensor(3.0))  # of nothing
    alone.descend_actor(weights, 0.2, None)
    assert all(
        th.equal(a, b) for a, b in zip(again.policy.actor.parameters(), alone.policy.actor.parameters(), strict=True)
    )


# ---------------------------------------------------------------------- what critics are asked


@pytest.mark.parametrize("target", [False, True])
@pytest.mark.parametrize("networks", NETWORKS)
def test_critics_as_functions_of_the_action(networks: str, target: bool) -> None:
    model = sac((5, 3), policy_kwargs=copy.deepcopy(NETWORKS[networks]))
    path = path_of(model, **with_plain(model))
    path.begin(model.replay_buffer.sample(6))
    critics = path.parts.target_critics if target else path.parts.critics
    asked = path.state_critics(target)
    mean, log_std, _ = model.actor.get_action_dist_params(path._states)
    th.testing.assert_close(asked.mean, mean.detach(), rtol=1e-5, atol=1e-6)
    th.testing.assert_close(asked.std, log_std.exp().detach(), rtol=1e-5, atol=1e-6)

    def q_of(actions: th.Tensor, states: th.Tensor = path._states) -> th.Tensor:
        return th.stack([th.cat(critic(states, actions), 1).T for critic in critics])

    leaf = asked.sample.clone().requires_grad_()
    values = q_of(leaf)
    rows = [th.autograd.grad(own.sum(), leaf, retain_graph=True)[0] for group in values for own in group]
    gradients = th.stack(rows).view(*values.shape, 3)
    th.testing.assert_close(asked.values_at_sample, values.detach(), rtol=1e-4, atol=1e-6)
    th.testing.assert_close(asked.gradients_at_sample(), gradients, rtol=1e-4, atol=1e-6)
    found = asked.values_and_gradients(asked.sample)
    th.testing.assert_close(found, (values.detach(), gradients), rtol=1e-4, atol=1e-6)
    actions = th.rand((500, 6, 3), generator=th.Generator().manual_seed(1)) * 2 - 1
    expected = th.stack([q_of(own).detach() for own in actions], 2)
    th.testing.assert_close(asked.values(actions), expected, rtol=1e-4, atol=1e-5)
    some = th.tensor([4, 1])
    th.testing.assert_close(asked.values(actions[:, some], some), expected[..., some], rtol=1e-4, atol=1e-5)
    assert asked.values(actions[:, :0], some[:0]).shape == (*values.shape[:2], 500, 0)
    rough = asked.values(actions, low_precision=True)
    assert float((rough - expected).abs().max()) <= 0.02 * float(expected.abs().max())
    assert networks not in ("stock", "deep") or not th.equal(rough, asked.values(actions))


# ---------------------------------------------------------------------- acting


@pytest.mark.parametrize("n_envs", [1, 8])
def test_it_acts_as_predict_does(n_envs: int) -> None:
    model = sac(n_envs=n_envs)
    path = path_of(model)
    observations = np.random.default_rng(2).standard_normal((n_envs, 17)).astype(np.float32)
    th.manual_seed(4)
    expected = model.policy.scale_action(model.predict(observations, deterministic=False)[0])
    after = th.get_rng_state()
    th.manual_seed(4)
    np.testing.assert_allclose(path.act(observations), expected, rtol=0, atol=1e-6)
    assert th.equal(th.get_rng_state(), after)


@pytest.mark.parametrize(("checks", "words"), [(True, "Expected parameter loc"), (False, "action is nan")])
def test_observations_that_are_no_numbers(checks: bool, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy says so; where PyTorch's checks of distributions are off, the path."""
    monkeypatch.setattr(th.distributions.Distribution, "_validate_args", checks)
    path = path_of(sac(PENDULUM))
    with pytest.raises(ValueError, match=words):
        path.act(np.full((1, 3), np.nan, np.float32))


def test_observations_that_are_choices() -> None:
    """They are read as one-hot vectors, by the policy's own preprocessing."""
    model = sac((2, 2), observation_space=spaces.MultiDiscrete([3, 4]))
    path = path_of(model)
    batch = path.sample(9)
    assert batch.observations.dtype is th.int64
    th.manual_seed(5)
    path.begin(batch)
    th.manual_seed(5)
    _, expected = model.actor.action_log_prob(batch.observations)
    th.testing.assert_close(path.log_prob, expected.detach(), rtol=1e-5, atol=1e-5)
    assert path.act(np.array([[2, 3]])).shape == (1, 2)


# ---------------------------------------------------------------------- what is not finite


@pytest.mark.parametrize("group", [0, 1])
def test_a_loss_that_is_not_finite_changes_nothing(group: int) -> None:
    path, modules = both()
    targets = th.zeros((2, 31))
    targets[group, 3] = np.inf
    with pytest.raises(DivergedError, match="critic_loss is inf") as raised:
        path.descend_critics(targets)
    assert raised.value.quantity == ("critic_loss", "plain_critic_loss")[group]
    weights = th.zeros((2, 2, 31))
    with pytest.raises(DivergedError, match="actor_loss is nan") as raised:
        path.descend_actor(weights, float("nan"), None)
    assert pickle.loads(pickle.dumps(raised.value)).quantity == "actor_loss"
    assert_same_parameters(path, modules)
    check_finite("ent_coef_loss", th.tensor(1.0))


# ---------------------------------------------------------------------- whose parameters they are


def test_parameters_and_states_are_views_until_somebody_gives_them_others() -> None:
    model = sac(PENDULUM, policy_kwargs={"net_arch": [8]})
    others = with_plain(model)
    others["target_actor"] = model.policy.make_actor()

    def replaces(change: Any) -> bool:
        path = path_of(model, **others)
        train_fast(model, path, 0, 8)
        path.begin(path.sample(8))
        path.descend_critics(path.next_values().amin(1))
        assert path.fits(path.parts)
        change()
        return not path.fits(path.parts)

    def first(module: nn.Module) -> nn.Parameter:
        return next(module.parameters())

    modules = (model.actor, model.critic, model.critic_target, *others.values())
    for module in modules:
        assert replaces(lambda module=module: setattr(first(module), "data", first(module).data.clone()))
        # written in place, they stay what they are
        assert not replaces(lambda module=module: module.load_state_dict(copy.deepcopy(module.state_dict())))
    for module in (model.critic, others["plain_critic"]):
        state = copy.deepcopy(module.optimizer.state_dict())
        assert replaces(lambda module=module, state=state: module.optimizer.load_state_dict(state))
        assert replaces(lambda module=module: setattr(module, "optimizer", copy.copy(module.optimizer)))
    for parameter in list(model.critic.parameters())[:1]:
        assert replaces(lambda parameter=parameter: model.critic.optimizer.state[parameter]["step"].add_(1))


def test_a_copy_is_nobodys_but_its_own() -> None:
    model = sac(PENDULUM, policy_kwargs={"net_arch": [8]})
    path = path_of(model)
    train_fast(model, path, 2, 8)
    copied, no_path = copy.deepcopy((model, path))
    assert no_path is None
    before = copy.deepcopy(copied.policy.state_dict())
    train_fast(model, path, 2, 8)
    assert all(th.equal(value, before[name]) for name, value in copied.policy.state_dict().items())


def test_training_mode_is_the_policys() -> None:
    model = sac(PENDULUM)
    path = path_of(model)
    for mode in (True, False):
        path.set_training_mode(mode)
        found = {name: module.training for name, module in model.policy.named_modules()}
        model.policy.set_training_mode(mode)
        assert found == {name: module.training for name, module in model.policy.named_modules()}
