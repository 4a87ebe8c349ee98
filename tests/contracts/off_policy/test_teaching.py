"""Which critics teach the actor of SAC-AdaEnt, against a transcription, state by state, and who draws from where."""

import copy
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch as th

from contracts.envs import make_env
from contracts.models import build, record
from contracts.off_policy.steps import at_rest, close, gradients_of, seed_all
from sb3_entropy.algorithms.off_policy.critic_choice import FirstCritic
from sb3_entropy.registry import SIMILARITY_RULES

ALPHA, B, N = 0.3, 24, 6


@cache
def base() -> Any:
    """:return: a model whose critics, plain and soft, online and target, all say something else"""
    settings = {"learning_rate": 0.02, "fast": False, "similarity_samples": N, "ent_coef": ALPHA}
    model = build(
        "sac_adaent", make_env(truncates=True), similarity_threshold=0.5, similarity_rule="exact", **settings
    ).learn(40)
    return at_rest(model)


def trained(**kwargs: Any) -> Any:
    """:return: that model, with other arguments from now on"""
    base().predict(np.zeros((1, 3), np.float32))  # its distribution has a gradient else, and PyTorch copies none
    model = copy.deepcopy(base())
    model.set_arguments(**kwargs)
    return model


def cosine(f: np.ndarray, g: np.ndarray, kind: str) -> float:
    if kind == "shifted":
        f, g = f - f.min(), g - g.min()
    if kind == "centred":
        f, g = f - f.mean(), g - g.mean()
    norms = float(np.sqrt((f * f).sum()) * np.sqrt((g * g).sum()))
    return float(np.clip((f * g).sum() / norms, -1, 1)) if norms > 0 else 0.0


def similarities(model: Any, batch: Any, z: th.Tensor, *, kind: str, of_targets: bool) -> list[float]:
    """:return: of each state, over the actions tanh(μ + σz)"""
    soft, plain = (model.critic_target, model.plain_critic_target) if of_targets else (model.critic, model.plain_critic)
    found = []
    with th.no_grad():
        mean, log_std, _ = model.actor.get_action_dist_params(batch.observations)
        for b in range(len(mean)):
            states = batch.observations[b].expand(len(z), -1)
            actions = (mean[b] + log_std[b].exp() * z[:, b]).tanh()
            f, g = (th.cat(critic(states, actions), dim=1).min(dim=1).values.numpy() for critic in (soft, plain))
            found.append(cosine(f, g, kind))
    return found


def loss(model: Any, batch: Any, share: list[float], *, first: bool = False, plain_entropy: bool = True) -> th.Tensor:
    """:return: mean of α log π − w·Q − (1 − w)·Q′, with the global generator as it is now"""
    actions, log_prob = model.actor.action_log_prob(batch.observations)
    pairs = [critic(batch.observations, actions) for critic in (model.critic, model.plain_critic)]
    soft, plain = (pair[0].flatten() if first else th.minimum(*pair).flatten() for pair in pairs)
    w = th.tensor(share)
    alpha = ALPHA * (th.ones_like(w) if plain_entropy else w)
    return (alpha * log_prob - w * soft - (1 - w) * plain).mean()


def check(model: Any, share_of: Callable[[list[float]], list[float]], kind: str = "shifted", **how: Any) -> list[float]:
    """The actor's gradient in one step of training is that of the transcription. Returns the shares."""
    of_targets = how.pop("of_targets", False)
    generator = th.Generator()
    generator.set_state(model.adaptive.generator.get_state())
    z = th.randn((N, B, 2), generator=generator)
    seen = gradients_of(model.actor.optimizer)
    seed_all(7)
    model.train(1, batch_size=B)
    seed_all(7)
    batch = model.replay_buffer.sample(B)
    share = share_of(similarities(model, batch, z, kind=kind, of_targets=of_targets))
    expected = th.autograd.grad(loss(model, batch, share, **how), model.actor.optimizer.param_groups[0]["params"])
    assert close(seen[-1], list(expected))
    return share


def switch(threshold: float) -> Callable[[list[float]], list[float]]:
    return lambda found: [float(sim > threshold) for sim in found]


def all_alike(share: float) -> Callable[[list[float]], list[float]]:
    return lambda found: [share] * len(found)


def is_mixed(share: list[float]) -> bool:
    return 0.1 < float(np.mean(share)) < 0.9


def median_of(found: list[float]) -> float:
    return float(np.median(found))


@pytest.mark.parametrize("plain_entropy", [True, False])
@pytest.mark.parametrize(("threshold", "share"), [(1, 0.0), (1.0, 0.0), (-1, 1.0)])
def test_the_ends_need_no_similarity(threshold: float, share: float, plain_entropy: bool) -> None:
    """ε = 1 is always plain, α log π stays or goes as asked; ε = −1 is always soft, where it always stays."""
    model = trained(plain_entropy=plain_entropy)
    model.similarity_threshold = threshold
    state = model.adaptive.generator.get_state()
    check(model, all_alike(share), plain_entropy=plain_entropy)
    assert th.equal(model.adaptive.generator.get_state(), state)
    assert float(model.journal.statistics["plain_share"][0]) == 1 - share
    # Of the two losses only one has an entropy to lose.
    if not plain_entropy and share == 0.0:
        with pytest.raises(AssertionError):
            check(model, all_alike(share), plain_entropy=True)


@pytest.mark.parametrize("kind", ["shifted", "raw", "centred"])
@pytest.mark.parametrize("plain_entropy", [True, False])
def test_each_state_has_its_own_teacher(kind: str, plain_entropy: bool) -> None:
    model = trained(similarity=kind, plain_entropy=plain_entropy)
    seed_all(7)
    model.train(1, batch_size=B)
    # Where about half of the states lie to either side.
    model.similarity_threshold = threshold = round(float(model.adaptive.seen.median()), 3)
    assert is_mixed(check(model, switch(threshold), kind, plain_entropy=plain_entropy))


def test_the_posters_variant() -> None:
    """Raw cosine of the target critics, and critic 1 of the pair."""
    model = trained(variant="poster")
    assert (model.similarity, model.similarity_critics, model.actor_critic) == ("raw", "target", "first")
    seed_all(7)
    model.train(1, batch_size=B)
    model.similarity_threshold = threshold = round(float(model.adaptive.seen.median()), 4)
    assert is_mixed(check(model, switch(threshold), "raw", of_targets=True, first=True))
    with pytest.raises(AssertionError):
        check(model, switch(threshold), "raw", of_targets=True, first=False)


def test_what_is_given_beside_a_variant_stands() -> None:
    model = build("sac_adaent", variant="poster", similarity="centred")
    assert (model.similarity, model.similarity_critics, model.actor_critic) == ("centred", "target", "first")
    model = build("sac_adaent")
    assert (model.similarity, model.similarity_critics, model.actor_critic) == ("shifted", "online", "minimum")
    model.set_arguments(variant="poster", similarity_critics="online")
    assert (model.similarity, model.similarity_critics, model.actor_critic) == ("raw", "online", "first")
    assert (model.adaptive.kind, model.adaptive.of_targets) == ("raw", False)
    assert isinstance(model.critic_choice, FirstCritic)
    model.variant = "code"
    assert (model.similarity, model.similarity_critics, model.actor_critic) == ("shifted", "online", "minimum")


@pytest.mark.parametrize("threshold", [0.6, -1, 1])
def test_a_blend(threshold: float) -> None:
    """Both pairs, with weight 1/(1 + e^{−(sim − ε)/T}), at the ends too."""
    model = trained(blend_temperature=0.2)
    model.similarity_threshold = threshold

    def share(found: list[float]) -> list[float]:
        return [1 / (1 + math.exp(-(sim - threshold) / 0.2)) for sim in found]

    assert len(set(check(model, share))) > B // 2
    assert model.adaptive.seen.shape == (B,)


def test_a_threshold_may_be_a_schedule() -> None:
    """ε falls from above 1, where all is plain, over the switch to −1, where all is soft."""
    model = build(
        "sac_adaent", similarity_threshold=lambda progress: 2 * progress - 1, batch_size=16, similarity_rule="exact"
    )
    logged = record(model)
    model.learn(40, log_interval=1)
    shares = logged.values["train/plain_share"]
    assert shares[0] > shares[-1]
    assert shares[-1] == 0.0
    words = r"similarity_threshold must be a number between -1 and 1, but 3\.0"
    with pytest.raises(ValueError, match=words):
        model.similarity_threshold = lambda progress: 3.0
    with pytest.raises(TypeError, match="fails at progress 1"):
        model.similarity_threshold = lambda: 0.5
    model.similarity_threshold = lambda progress: 3.0 if progress < 0.5 else 0.0
    with pytest.raises(ValueError, match=words):
        model.learn(40)


def test_what_is_logged_is_what_was_decided() -> None:
    model = trained()
    logged = record(model)
    model.similarity_threshold = 0.7
    seed_all(7)
    model.train(1, batch_size=B)
    seen = model.adaptive.seen.numpy()
    model._record_policy()
    model.logger.dump()
    values = {name: held[-1] for name, held in logged.values.items()}
    assert values["train/plain_share"] == pytest.approx(np.mean(seen <= 0.7))
    for quantile in (10, 50, 90):
        assert values[f"train/similarity_q{quantile}"] == pytest.approx(np.quantile(seen, quantile / 100), abs=1e-6)
    seed_all(7)
    batch = model.replay_buffer.sample(B)
    with th.no_grad():
        actions, _ = model.actor.action_log_prob(batch.observations)
        soft, plain = (
            th.minimum(*critic(batch.observations, actions)).mean() for critic in (model.critic, model.plain_critic)
        )
    assert values["train/soft_minus_plain"] == pytest.approx(float(soft - plain), abs=1e-5)


@pytest.mark.parametrize("automatic", [True, False])
def test_the_two_pairs_are_drawn_to_their_own_targets(automatic: bool) -> None:
    """The plain one to r + γ(1 − d) min Q̄′, the soft one to that of its own less α log π."""
    model = trained(**({"ent_coef": f"auto_{ALPHA}", "ent_coef_lr": 1e-9} if automatic else {}))
    path = model._choose_path()
    seed_all(3)
    batch = path.sample(B)
    path.begin(batch)
    alpha = float(model.temperature.value(1.0))
    soft, plain = model._targets(batch, path.next_values(), path.next_log_prob, alpha)
    seed_all(3)
    batch = model.replay_buffer.sample(B)
    with th.no_grad():
        model.actor.action_log_prob(batch.observations)
        actions, log_prob = model.actor.action_log_prob(batch.next_observations)
        goes_on = 0.99 * (1 - batch.dones.flatten())
        pairs = (model.critic_target, model.plain_critic_target)
        q, q_plain = (th.minimum(*critic(batch.next_observations, actions)).flatten() for critic in pairs)
    assert th.allclose(plain, batch.rewards.flatten() + goes_on * q_plain, atol=1e-5)
    assert th.allclose(soft, batch.rewards.flatten() + goes_on * (q - alpha * log_prob), atol=1e-5)
    assert not th.allclose(q, q_plain, atol=1e-2)


# ---------------------------------------------------------------------- who draws from where


@pytest.mark.parametrize("init", ["fresh", "copy"])
def test_plain_critics_leave_the_generators_and_the_others_alone(init: str) -> None:
    states, models = [], []
    for key, own in (("sddpg", {}), ("sac_adaent", {"plain_critic_init": init})):
        models.append(build(key, seed=4, **own))
        states.append((th.get_rng_state(), np.random.get_state()[1].copy()))  # type: ignore[index]
    assert th.equal(states[0][0], states[1][0])
    assert np.array_equal(states[0][1], states[1][1])
    sddpg, adaent = models
    for name, value in sddpg.policy.state_dict().items():
        assert th.equal(adaent.policy.state_dict()[name], value), name
    plain, soft = adaent.plain_critic.state_dict(), adaent.critic.state_dict()
    assert all(th.equal(plain[name], soft[name]) == (init == "copy") for name in soft)
    assert all(th.equal(plain[name], adaent.plain_critic_target.state_dict()[name]) for name in plain)
    again = build("sac_adaent", seed=4, plain_critic_init=init).plain_critic.state_dict()
    other = build("sac_adaent", seed=5, plain_critic_init=init).plain_critic.state_dict()
    assert all(th.equal(plain[name], again[name]) for name in plain)
    assert not any(th.equal(plain[name], other[name]) for name in plain)


@pytest.mark.parametrize("rule", SIMILARITY_RULES.keys())
def test_similarities_draw_from_a_generator_of_their_own(rule: str) -> None:
    """Of as many steps with and without a similarity the global generators are left alike."""
    states = []
    for threshold in (-1, 0.5):
        model = build("sac_adaent", similarity_threshold=threshold, similarity_rule=rule).learn(14)
        states.append((th.get_rng_state(), np.random.get_state()[1].copy()))  # type: ignore[index]
    assert model.adaptive.seen is not None
    assert th.equal(states[0][0], states[1][0])
    assert np.array_equal(states[0][1], states[1][1])


def test_more_samples_change_the_decision_alone() -> None:
    """What is drawn of a state, of the buffer, and by the actor stays the same."""
    few, many = (build("sac_adaent", similarity_samples=n, similarity_threshold=0.5).learn(9) for n in (3, 50))
    assert np.array_equal(few.replay_buffer.actions, many.replay_buffer.actions)
    assert all(th.equal(*pair) for pair in zip(few.critic.parameters(), many.critic.parameters(), strict=True))
    assert not th.equal(few.adaptive.seen, many.adaptive.seen)
