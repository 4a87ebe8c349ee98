"""The off-policy family takes regularisers in the actor's loss, on both of its paths; and none changes nothing."""

from typing import Any

import numpy as np
import pytest
import torch as th

from contracts.envs import make_env, make_vec_env
from contracts.models import OFF_POLICY, assert_same_state, build, has_moved, parameters, record
from contracts.off_policy.steps import close, gradients_of, seed_all
from contracts.pairs import combinations
from sb3_entropy.policies.laws import law_at
from sb3_entropy.registry import DIVERGENCES, REFERENCES

SAMPLED = {"estimator": "mixture_sampling", "n_samples": 4}
UNIFORM: dict[str, Any] = {"divergence": "jensen_shannon", "divergence_kwargs": SAMPLED, "coef": 0.5}
PREVIOUS: dict[str, Any] = {"divergence": "kl", "reference": "previous", "mode": "repel", "cap": 2.0, "coef": 0.5}
RULES = {"uniform": UNIFORM, "previous": PREVIOUS}
SPACES: dict[str, dict[str, Any]] = {
    "vector": {},
    "dict": {"policy": "MultiInputPolicy"},
    "image": {"policy": "CnnPolicy"},
    "gsde": {"use_sde": True},
}


# each of both in the quick tests
PATHS = [
    pytest.param(key, fast, marks=() if (k + f) % 2 == 0 else pytest.mark.slow)
    for k, key in enumerate(OFF_POLICY)
    for f, fast in enumerate(("auto", False))
]


def frozen(source: Any, **kwargs: Any) -> dict[str, Any]:
    return {"divergence": "kl", "reference": "frozen", "reference_kwargs": {"policy": source}, **kwargs}


def trained(key: str, env: Any, rules: Any, steps: int = 14, **kwargs: Any) -> Any:
    model = build(key, env, regularizers=rules, **kwargs)
    start = parameters(model)
    model.learn(steps)
    assert has_moved(model, start)
    return model


@pytest.mark.parametrize(("key", "space", "rule"), combinations(OFF_POLICY, SPACES, RULES))
def test_in_every_space(key: str, space: str, rule: str) -> None:
    observations = space if space in ("dict", "image") else "vector"
    given = SPACES[space]
    plain = trained(key, make_env(observations), None, **given)
    model = trained(key, make_env(observations), [RULES[rule]], **given)
    assert any(not th.equal(tensor, parameters(plain)[name]) for name, tensor in parameters(model).items())
    divergence, coef = model.regularizers[0].seen
    assert divergence >= 0
    assert coef > 0


@pytest.mark.parametrize(("key", "fast"), PATHS)
def test_no_regulariser_changes_nothing(key: str, fast: Any) -> None:
    plain = build(key, fast=fast).learn(14)
    ema = {"divergence": "kl", "reference": "ema"}
    for rules in ([], None, [{**ema, "coef": 0.0}], [{**ema, "coef": "lin_0"}]):
        assert_same_state(build(key, fast=fast, regularizers=rules).learn(14), plain)


@pytest.mark.parametrize("key", OFF_POLICY)
def test_the_gradient_is_that_of_loss_and_divergence(key: str) -> None:
    """∇(α log π − Q) + λ∇ mean KL(π ‖ q), each found by autograd of its own."""
    own = {"actor_critic": "minimum"} if key == "sddpg" else {"similarity_threshold": -1}
    other = build("sddpg", seed=9, policy_kwargs={"log_std_init": -1.0}).learn(20)
    settings = {"ent_coef": 0.1, "fast": False, "learning_rate": 0.0, "tau": 0.0, **own}
    model = build(key, regularizers=[frozen(other, coef=0.7)], **settings).learn(20)
    seen = gradients_of(model.actor.optimizer)
    seed_all(7)
    model.train(1, batch_size=16)
    seed_all(7)
    batch = model.replay_buffer.sample(16)
    actions, log_prob = model.actor.action_log_prob(batch.observations)
    loss = (0.1 * log_prob - th.minimum(*model.critic(batch.observations, actions)).flatten()).mean()
    mean, log_std, _ = model.actor.get_action_dist_params(batch.observations)
    with th.no_grad():
        mean_q, log_std_q, _ = other.actor.get_action_dist_params(batch.observations)
    p, q = (th.distributions.Normal(m, s.exp()) for m, s in ((mean, log_std), (mean_q, log_std_q)))
    kl = th.distributions.kl_divergence(p, q).sum(dim=1).mean()
    held = model.actor.optimizer.param_groups[0]["params"]
    assert close(seen[-1], list(th.autograd.grad(loss + 0.7 * kl, held)))
    assert model.regularizers[0].seen == (pytest.approx(float(kl.detach()), rel=1e-4), pytest.approx(0.7))


@pytest.mark.parametrize(("key", "fast"), PATHS)
def test_attraction_brings_it_nearer(key: str, fast: Any) -> None:
    other = build("sddpg", seed=9)
    with th.no_grad():
        other.actor.mu.bias.copy_(th.tensor([0.8, -0.5]))
        other.actor.log_std.bias.fill_(-1.0)
    divergence = DIVERGENCES.get("kl")()
    found = {}
    for coef in (0.0, 3.0):
        model = build(key, regularizers=[frozen(other, coef=coef)], learning_rate=0.02, fast=fast).learn(50)
        states = th.as_tensor(model.replay_buffer.observations[:40, 0])
        with th.no_grad():
            found[coef] = float(divergence(law_at(model.policy, states), law_at(other.policy, states)).mean())
    assert found[3.0] < 0.3 * found[0.0]


CHOSEN = ("kl", "reverse_kl", "hellinger", "jensen_shannon")


@pytest.mark.parametrize(
    ("key", "divergence", "reference"),
    combinations(
        OFF_POLICY, ("kl", "reverse_kl", "hellinger", "jensen_shannon"), sorted(set(REFERENCES.keys()) - {"frozen"})
    ),
)
def test_divergences_with_references(key: str, divergence: str, reference: str) -> None:
    """In closed form between two tanh-Gaussians, else by the estimator that is named."""
    rule: dict[str, Any] = {"divergence": divergence, "reference": reference, "coef": 0.1}
    if reference == "uniform" or divergence == "jensen_shannon":
        rule["divergence_kwargs"] = SAMPLED
    elif reference == "previous":
        rule["reference_kwargs"] = {"combine": "mean"}
    model = trained(key, make_env(), [rule], steps=10)
    assert np.isfinite(model.regularizers[0].seen[0])


@pytest.mark.parametrize("key", OFF_POLICY)
def test_nothing_is_estimated_silently(key: str) -> None:
    with pytest.raises(ValueError, match=r"jensen_shannon_ema cannot be .*no closed form.*Name an estimator"):
        build(key, regularizers=[{"divergence": "jensen_shannon", "reference": "ema"}])


@pytest.mark.parametrize("key", OFF_POLICY)
def test_setting_up_draws_nothing(key: str) -> None:
    states = []
    for rules in (None, [UNIFORM, {"divergence": "hellinger", "reference": "ema"}]):
        build(key, regularizers=rules)
        states.append((th.get_rng_state(), np.random.get_state()[1].copy()))  # type: ignore[index]
    assert th.equal(states[0][0], states[1][0])
    assert (states[0][1] == states[1][1]).all()


@pytest.mark.parametrize("key", OFF_POLICY)
def test_what_is_logged(key: str) -> None:
    model = build(key, make_vec_env(2), regularizers=[{**PREVIOUS, "coef": 0.2}, UNIFORM, UNIFORM])
    logged = record(model)
    model.learn(48, log_interval=1)
    assert logged.values["train/kl_previous_coef"][-1] == pytest.approx(0.2)
    assert logged.values["train/jensen_shannon_uniform_coef"][-1] == pytest.approx(0.5)
    assert logged.values["train/jensen_shannon_uniform_2"][-1] >= 0
    assert logged.values["train/kl_previous"][-1] >= 0


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_coefficient_is_tuned_by_steps_of_the_environments(key: str) -> None:
    """At most e^(rate · steps), however many gradient steps there are."""
    rule = {
        **frozen(build("sddpg", seed=9), target_divergence=1e-6),
        **{"coef": "auto_0.5", "coef_lr": 0.01},
    }
    model = build(key, regularizers=[rule], gradient_steps=3)
    model.learn(28)
    coef = model.regularizers[0].seen[1]
    assert 0.5 < coef <= 0.5 * np.exp(0.01 * 28) + 1e-6


@pytest.mark.parametrize("key", OFF_POLICY)
def test_a_model_with_a_frozen_reference_is_saved_whole(key: str, tmp_path: Any) -> None:
    build("sddpg", seed=9).learn(12).save(tmp_path / "other")
    model = trained(key, make_env(), [frozen(str(tmp_path / "other.zip"), coef=0.5), PREVIOUS])
    model.save(tmp_path / "model")
    (tmp_path / "other.zip").unlink()
    again = [type(model).load(tmp_path / "model", env=make_env(), device="cpu") for _ in range(2)]
    for each in again:
        each.set_random_seed(4)
        each.learn(14, reset_num_timesteps=False)
    assert_same_state(*again)
    assert again[0].regularizers[0].seen[0] > 0


@pytest.mark.parametrize("key", OFF_POLICY)
def test_regularisers_of_an_actors_own_states(key: str) -> None:
    """The divergence is taken in the minibatch's states, whatever else has been looked at."""
    model = build(key, regularizers=[frozen(build("sddpg", seed=9), coef=0.5)], ent_coef=0.1, fast=False).learn(12)
    twin = build(key, regularizers=[frozen(build("sddpg", seed=9), coef=0.5)], ent_coef=0.1, fast=False).learn(12)
    twin.predict(np.ones((4, 3), np.float32))
    for each in (model, twin):
        each.set_random_seed(2)
        each.train(2, 8)
    assert_same_state(model, twin)
