"""What a regulariser adds to an update, against formulas written out here."""

import functools
import io
import math
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from contracts.envs import VECTOR, RandomEnv
from contracts.pairs import combinations
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from oracles.algorithms import DESCENDING, accepted
from sb3_entropy import SPG, SPPO, STRPO, DivergenceRegPG
from sb3_entropy.regularizers.making import make_regularizers
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.temperature import TunedTemperature

N = 4
SGD = {"net_arch": [8], "optimizer_class": th.optim.SGD, "ortho_init": False}


class Choice(gym.Env):
    """Three numbers to see, one of four actions, one step; each action pays more where its number is high."""

    observation_space = spaces.Box(-1, 1, (3,), np.float32)
    action_space = spaces.Discrete(N)

    def __init__(self, pays: float = 1.0):
        self.pays = pays

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.seen = self.np_random.uniform(-1, 1, 3).astype(np.float32)
        return self.seen, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return self.seen, self.pays * float([*self.seen, 0.1][int(action)]), True, False, {}


def table(policy: Any, states: th.Tensor) -> th.Tensor:
    """π(a|s), shape (B, n), by the network's layers."""
    latent = policy.mlp_extractor.forward_actor(policy.extract_features(states, policy.pi_features_extractor))
    return th.softmax(policy.action_net(latent), dim=1)


DIVERGENCES: dict[str, Any] = {
    "kl": lambda p, q: (p * (p / q).log()).sum(1),
    "reverse_kl": lambda p, q: (q * (q / p).log()).sum(1),
    "jensen_shannon": lambda p, q: (
        0.5 * (p * (2 * p / (p + q)).log()).sum(1) + 0.5 * (q * (2 * q / (p + q)).log()).sum(1)
    ),
    "hellinger": lambda p, q: 1 - (p * q).sqrt().sum(1),
    "total_variation": lambda p, q: 0.5 * (p - q).abs().sum(1),
    "mmd": lambda p, q: ((p - q) ** 2).sum(1),
}


def settings(algorithm: Any) -> dict[str, Any]:
    """One step of SGD at 0.1 on a rollout of 16, unclipped."""
    common = {"n_steps": 16, "learning_rate": 0.1, "ent_coef": 0.0, "policy_kwargs": SGD, "seed": 3, "device": "cpu"}
    own = {"max_grad_norm": 1e9, "vf_coef": 0.0, "use_rms_prop": False, "batch_size": 16, "n_epochs": 1}
    return {**common, **accepted(algorithm, **own)}


@functools.cache
def plain_update(algorithm: Any) -> dict[str, th.Tensor]:
    """:return: by how much an update moves the parameters without a regulariser"""
    return one_update(algorithm)[2]


def one_update(algorithm: Any, **kwargs: Any) -> tuple[dict[str, th.Tensor], Any, dict[str, th.Tensor]]:
    """:return: parameters before, the model, and by how much they have moved"""
    model = algorithm("MlpPolicy", Choice(), **settings(algorithm), **kwargs)
    before = {name: tensor.detach().clone() for name, tensor in model.policy.named_parameters()}
    model.learn(16)
    return before, model, {name: p.detach() - before[name] for name, p in model.policy.named_parameters()}


def gradient(model: Any, before: dict[str, th.Tensor], value: Any) -> dict[str, th.Tensor]:
    """∇ of a function of the table of probabilities, at the parameters before the update, in the rollout's states."""
    states = th.as_tensor(model.rollout_buffer.observations.reshape(-1, 3))
    after = {name: p.detach().clone() for name, p in model.policy.named_parameters()}
    model.policy.load_state_dict(before, strict=False)
    parameters = {name: p for name, p in model.policy.named_parameters() if p.requires_grad}
    gradients = th.autograd.grad(value(table(model.policy, states)), list(parameters.values()), allow_unused=True)
    model.policy.load_state_dict(after, strict=False)
    return {
        name: th.zeros_like(before[name]) if g is None else g for name, g in zip(parameters, gradients, strict=True)
    }


@pytest.mark.parametrize(
    ("algorithm", "divergence", "mode"), combinations(DESCENDING, DIVERGENCES, ("attract", "repel"))
)
def test_the_step_is_the_plain_step_and_the_divergences_gradient(algorithm: Any, divergence: str, mode: str) -> None:
    rule: dict[str, Any] = {"divergence": divergence, "coef": 0.7, "mode": mode}
    if mode == "repel":
        rule["cap"] = 50.0
    plain = plain_update(algorithm)
    before, model, regularised = one_update(algorithm, regularizers=[rule])
    q = th.full((1, N), 1 / N)
    expected = gradient(model, before, lambda p: DIVERGENCES[divergence](p, q).mean())
    sign = 1 if mode == "attract" else -1
    moved = 0.0
    for name, change in expected.items():
        assert th.allclose(regularised[name] - plain[name], -0.1 * sign * 0.7 * change, atol=2e-6), name
        moved += float(change.abs().sum())
    assert moved > 1e-3


def test_several_regularisers_add_up() -> None:
    rules = [{"divergence": "kl", "coef": 0.3}, {"divergence": "mmd", "coef": 0.5, "mode": "repel"}]
    plain = plain_update(SPPO)
    before, model, regularised = one_update(SPPO, regularizers=rules)
    q = th.full((1, N), 1 / N)
    expected = gradient(
        model, before, lambda p: 0.3 * DIVERGENCES["kl"](p, q).mean() - 0.5 * DIVERGENCES["mmd"](p, q).mean()
    )
    for name, change in expected.items():
        assert th.allclose(regularised[name] - plain[name], -0.1 * change, atol=2e-6), name


def test_a_cap_leaves_states_alone() -> None:
    """KL(π ‖ U) is about .01 at the start: with a cap far below, no state is driven any further."""
    plain = plain_update(SPG)
    rule = {"divergence": "kl", "coef": 5.0, "mode": "repel"}
    _, _, capped = one_update(SPG, regularizers=[{**rule, "cap": 1e-9}])
    _, _, free = one_update(SPG, regularizers=[{**rule, "cap": 10.0}])
    assert all(th.equal(capped[name], plain[name]) for name in plain)
    assert not all(th.equal(free[name], plain[name]) for name in plain)


@pytest.mark.parametrize("algorithm", DESCENDING)
def test_a_share_of_the_gradients_norm(algorithm: Any) -> None:
    """The value loss is switched off, so the plain step is −0.1 ∇L and the added one −0.1 λ∇D."""
    plain = plain_update(algorithm)
    _, model, regularised = one_update(algorithm, regularizers=[{"divergence": "hellinger", "coef": "share_0.25"}])
    norms = [
        math.sqrt(sum(float((step[name] ** 2).sum()) for name in plain))
        for step in (plain, {name: regularised[name] - plain[name] for name in plain})
    ]
    assert norms[0] > 0
    assert norms[1] / norms[0] == pytest.approx(0.25, rel=1e-3)
    assert model.regularizers[0].seen[1] > 0


def test_no_gradient_no_share() -> None:
    """At its own parameters a divergence has no gradient; λ is then 0, not infinite."""
    regularizer = Regularizer("jensen_shannon", coef="share_0.5")
    assert regularizer.coefficient.value(1.0, 0.0) == 0.0
    assert regularizer.coefficient.value(1.0, 1e-30) == 1e4
    assert regularizer.coefficient.value(2.0, 4.0) == 0.25


def test_kl_to_uniform_is_the_entropy_bonus() -> None:
    """KL(π ‖ U) = log n − H(π): the same parameters, update after update, as with ent_coef in the improvement alone."""
    common: dict[str, Any] = {
        "n_steps": 20,
        "baseline": False,
        "normalize_advantage": False,
        "max_grad_norm": None,
        "learning_rate": 1e-2,
        "policy_kwargs": {"net_arch": [8]},
        "seed": 1,
        "device": "cpu",
    }
    soft = SPG("MlpPolicy", Choice(), ent_coef=0.3, entropy_in_return=False, **common).learn(200)
    divergence = DivergenceRegPG("MlpPolicy", Choice(), divergence="kl", coef=0.3, **common).learn(200)
    for name, tensor in soft.policy.state_dict().items():
        assert th.allclose(tensor, divergence.policy.state_dict()[name], atol=2e-5), name


def test_divergence_reg_pg_is_spg_with_a_regulariser() -> None:
    common: dict[str, Any] = {"n_steps": 20, "seed": 1, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}
    rule: dict[str, Any] = {"divergence": "mmd", "divergence_kwargs": {"kernel": "delta"}, "coef": "lin_0.5"}
    own = DivergenceRegPG("MlpPolicy", Choice(), **rule, **common).learn(100)
    spg = SPG(
        "MlpPolicy",
        Choice(),
        baseline=False,
        normalize_advantage=False,
        max_grad_norm=None,
        ent_coef=0.0,
        regularizers=[rule],
        **common,
    ).learn(100)
    for name, tensor in spg.policy.state_dict().items():
        assert th.equal(tensor, own.policy.state_dict()[name]), name


def test_divergence_reg_pg_is_reinforce_without_a_coefficient() -> None:
    """Rewards as they are, −r log π, for one step of SGD."""
    model = DivergenceRegPG(
        "MlpPolicy", Choice(), n_steps=16, coef=0.0, learning_rate=0.1, policy_kwargs=SGD, seed=3, device="cpu"
    )
    before = {name: tensor.detach().clone() for name, tensor in model.policy.named_parameters()}
    model.learn(16)
    buffer = model.rollout_buffer
    actions, rewards = th.as_tensor(buffer.actions.reshape(-1)).long(), th.as_tensor(buffer.returns.reshape(-1))
    assert np.allclose(buffer.returns.reshape(-1), buffer.rewards.T.reshape(-1))
    expected = gradient(model, before, lambda p: -(rewards * p.log()[th.arange(16), actions]).mean())
    for name, parameter in model.policy.named_parameters():
        if not name.startswith("value"):
            assert th.allclose(parameter.detach() - before[name], -0.1 * expected[name], atol=1e-6), name


def test_previous_is_silent_at_first_and_repels_then() -> None:
    rule = {"divergence": "hellinger", "reference": "previous", "mode": "repel", "coef": 10.0}
    common: dict[str, Any] = {**settings(SPG)}
    after_one, after_two = [], []
    for given in (None, [rule]):
        model = SPG("MlpPolicy", Choice(), regularizers=given, **common).learn(16)
        after_one.append({name: tensor.clone() for name, tensor in model.policy.state_dict().items()})
        assert all(regularizer.seen is None for regularizer in model.regularizers)
        model.learn(16, reset_num_timesteps=False)
        after_two.append(model.policy.action_net.weight)
    assert all(th.equal(tensor, after_one[1][name]) for name, tensor in after_one[0].items())
    assert model.regularizers[0].seen[0] > 0
    assert not th.equal(*after_two)


@pytest.mark.parametrize(
    ("mode", "target", "pays"), [("attract", 0.3, 1.0), pytest.param("repel", 0.4, 0.0, marks=pytest.mark.slow)]
)
def test_a_tuned_coefficient_holds_its_target(mode: str, target: float, pays: float) -> None:
    """
    Left alone, KL(π ‖ U) goes to 1.2 where the task pays. Where it does not, something else has to pull against what
    drives the policy away. Deterministic: seed 0; the bound is a fifth of the target.
    """
    rule = {
        "divergence": "kl",
        "mode": mode,
        "cap": None if mode == "attract" else 5.0,
        "coef": "auto_0.1",
        "target_divergence": target,
        "coef_lr": 1e-3,
    }
    model = SPPO(
        "MlpPolicy",
        DummyVecEnv([lambda: Choice(pays)] * 32),
        n_steps=4,
        batch_size=128,
        n_epochs=4,
        learning_rate=3e-3,
        normalize_advantage=pays > 0,
        ent_coef=0.0,
        regularizers=[rule, {"divergence": "reverse_kl", "coef": 0.0 if mode == "attract" else 0.3}],
        seed=0,
        device="cpu",
    )
    seen = []
    for _ in range(100):
        model.learn(128, reset_num_timesteps=False)
        seen.append(model.regularizers[0].seen[0])
    assert isinstance(model.regularizers[0].coefficient, TunedTemperature)
    assert np.mean(seen[-15:]) == pytest.approx(target, rel=0.2)


def test_the_tuned_coefficient_moves_the_right_way() -> None:
    for mode, above in (("attract", 1), ("repel", -1)):
        for divergence, expected in ((0.9, above), (0.1, -above)):
            rule = Regularizer("jensen_shannon", mode=mode, coef="auto_0.5", target_divergence=0.5)
            rule.see(th.tensor(divergence), 0.5)
            rule.after_update(1000)
            moved = rule.coefficient.value(1.0) - 0.5
            assert moved * expected > 0, (mode, divergence)


def test_strpo_steps_on_the_regularised_surrogate() -> None:
    """The surrogate with a strong pull towards uniform leads to a policy that is nearer to it, inside the region."""

    def kl_after(coef: float) -> float:
        model = STRPO("MlpPolicy", Choice(), n_steps=64, ent_coef=0.0, seed=0, device="cpu", target_kl=0.02)
        with th.no_grad():
            model.policy.action_net.bias.copy_(th.tensor([1.5, 0.0, -1.0, 0.0]))
        model.regularizers = make_regularizers([{"divergence": "kl", "coef": coef}])
        for _ in range(3):
            model.learn(64, reset_num_timesteps=False)
        states = th.as_tensor(model.rollout_buffer.observations.reshape(-1, 3))
        with th.no_grad():
            return float(DIVERGENCES["kl"](table(model.policy, states), th.full((1, N), 1 / N)).mean())

    assert kl_after(20.0) < 0.7 * kl_after(0.0)


def test_a_reference_that_rules_an_action_out_is_told() -> None:
    from sb3_entropy.distributions.laws import Finite
    from sb3_entropy.references import Reference

    class Never(Reference):
        def laws(self, policy: Any, observations: Any, p: Any) -> Any:
            return [(1.0, Finite((th.tensor([[0.5, 0.5, 0.0, 0.0]]).log().expand(p.batch, N),)))]

    model = SPPO("MlpPolicy", Choice(), n_steps=16, regularizers=[{"divergence": "kl", "reference": Never()}])
    with pytest.raises(ValueError, match=r"kl_Never is inf in some state.*Choose a divergence with a bound"):
        model.learn(16)


class Featured(Choice):
    """It knows something of its actions."""

    action_features = np.array([[0.0, 1.0], [0.1, 1.0], [2.0, 0.0], [2.0, 0.3]])


@pytest.mark.parametrize("kernel", [{"kernel": "rbf", "bandwidth": "median"}, {"kernel": "linear"}])
def test_a_kernel_on_the_environments_own_features(kernel: dict[str, Any], tmp_path: Path) -> None:
    def rule(features: Any) -> dict[str, Any]:
        return {"divergence": "mmd", "divergence_kwargs": {"kernel": {**kernel, "features": features}}, "coef": 2.0}

    trained = []
    for features in ("env", Featured.action_features.tolist()):
        model = SPPO(
            "MlpPolicy", Featured(), n_steps=16, batch_size=16, seed=0, device="cpu", regularizers=[rule(features)]
        )
        trained.append(model.learn(48))
    for name, tensor in trained[0].policy.state_dict().items():
        assert th.equal(tensor, trained[1].policy.state_dict()[name])
    trained[0].save(tmp_path / "model")
    assert SPPO.load(tmp_path / "model").regularizers[0].divergence.kernel.features is not None  # without environment
    with pytest.raises(ValueError, match=r"features='env', but the environment has no attribute action_features"):
        SPPO("MlpPolicy", Choice(), regularizers=[rule("env")])
    with pytest.raises(ValueError, match=r"Unknown source of features 'environment'. Available: env. An array"):
        SPPO("MlpPolicy", Choice(), regularizers=[rule("environment")])


# ---------------------------------------------------------------------- saving


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "previous", "reference_kwargs": {"n_snapshots": 2, "every": 2}},
        {"reference": "ema", "reference_kwargs": {"decay": 0.5}},
        {"reference": "uniform"},
    ],
)
def test_a_loaded_model_goes_on_as_it_would_have_gone(reference: dict[str, Any], tmp_path: Path) -> None:
    rule = {"divergence": "jensen_shannon", "coef": "auto_0.3", "target_divergence": 0.1, **reference}
    for make in (
        lambda: SPPO(
            "MlpPolicy", Choice(), n_steps=8, batch_size=4, n_epochs=2, seed=0, device="cpu", regularizers=[rule]
        ),
        lambda: DivergenceRegPG("MlpPolicy", Choice(), n_steps=8, seed=0, device="cpu", **rule),
    ):
        model = make()
        model.learn(40)
        model.save(tmp_path / "model")
        loaded = type(model).load(tmp_path / "model", env=Choice(), device="cpu")
        for each in (model, loaded):
            each.set_env(Choice())
            each.set_random_seed(11)
            each.learn(32, reset_num_timesteps=False)
        for name, tensor in model.policy.state_dict().items():
            assert th.equal(tensor, loaded.policy.state_dict()[name]), name
        coefs = [m.active_regularizers[0].coefficient.value(1.0) for m in (model, loaded)]
        assert coefs[0] == coefs[1] != 0.3


def test_arguments_can_be_changed_when_loading() -> None:
    model = DivergenceRegPG("MlpPolicy", Choice(), n_steps=16, divergence="kl", coef=0.2, device="cpu").learn(16)
    file = io.BytesIO()
    model.save(file)
    for given, name, coef in (
        ({}, "kl_uniform", 0.2),
        ({"coef": 0.5}, "kl_uniform", 0.5),
        ({"divergence": "mmd"}, "mmd_uniform", 0.2),
    ):
        file.seek(0)
        loaded = DivergenceRegPG.load(file, device="cpu", **given)
        (regularizer,) = loaded.active_regularizers
        assert (regularizer.name, regularizer.coefficient.value(1.0)) == (name, coef)
    soft = SPPO("MlpPolicy", Choice(), n_steps=16, device="cpu")
    file = io.BytesIO()
    soft.save(file)
    file.seek(0)
    loaded = SPPO.load(file, device="cpu", regularizers=[{"divergence": "kl", "coef": 0.1}])
    assert [regularizer.name for regularizer in loaded.regularizers] == ["kl_uniform"]


# ---------------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"divergence": "kl", "coef": -0.1}, ValueError, r"regularizers\[0\]: coef must be a number ≥ 0"),
        ({"divergence": "helinger"}, ValueError, "Did you mean 'hellinger'"),
        ({"divergense": "kl"}, ValueError, r"regularizers\[0\]: Unknown key 'divergense'.*Did you mean 'divergence'"),
        ({"coef": 1.0}, ValueError, "needs the key 'divergence'"),
        ({"kernel": "rbf"}, ValueError, "Unknown key 'kernel'. Available: cap, "),
        ({"divergence": "kl", "mode": "repell"}, ValueError, "Did you mean 'repel'"),
        ({"divergence": "kl", "mode": "repel"}, ValueError, "has no bound.*Give cap"),
        ({"divergence": "kl", "mode": "attract", "cap": 1.0}, ValueError, "leave it out"),
        ({"divergence": "kl", "mode": "repel", "cap": 0.0}, ValueError, "cap must be a number > 0"),
        ({"divergence": "kl", "coef": "auto"}, ValueError, "give target_divergence"),
        ({"divergence": "kl", "coef": 0.1, "target_divergence": 0.1}, ValueError, "used by coef='auto' alone"),
        ({"divergence": "kl", "coef": "auto", "target_divergence": 0}, ValueError, "target_divergence must be"),
        ({"divergence": "kl", "coef": "share"}, ValueError, "coef must be a number ≥ 0.*'share_<share>'"),
        ({"divergence": "kl", "coef": "share_-1"}, ValueError, "the share of coef must be a number ≥ 0"),
        ({"divergence": "kl", "coef": "linear_1"}, ValueError, "coef must be"),
        ({"divergence": "kl", "coef": None}, TypeError, "coef must be"),
        ({"divergence": "kl", "coef": lambda p: -1.0}, ValueError, "The schedule of coef gave -1"),
        ({"divergence": "kl", "coef": "auto", "target_divergence": 1, "coef_lr": 0}, ValueError, "coef_lr must be"),
        ({"divergence": "kl", "reference_kwargs": [1]}, TypeError, "reference_kwargs must be a dict or None"),
        ({"divergence": "kl", "divergence_kwargs": 3}, TypeError, "divergence_kwargs must be a dict or None"),
        ("kl", TypeError, TypeError),
    ],
)
def test_wrong_arguments(given: Any, error: Any, message: Any) -> None:
    if isinstance(given, str):
        with pytest.raises(TypeError, match=r"regularizers\[0\] must be a mapping"):
            make_regularizers([given])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="regularizers must be a list of mappings"):
            make_regularizers(given)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="regularizers must be a list of mappings"):
            make_regularizers({"divergence": "kl"})  # type: ignore[arg-type]
        return
    with pytest.raises(error, match=message):
        SPPO("MlpPolicy", Choice(), regularizers=[given])
    if isinstance(given, dict) and "divergence" in given:
        with pytest.raises(error, match=message.replace(r"regularizers\[0\]: ", "")):
            DivergenceRegPG("MlpPolicy", Choice(), **given)


def test_loading_with_a_coefficient_keeps_the_reference(tmp_path: Path) -> None:
    """What was read or learned is saved; the file, the model and the environment are not needed again."""
    other = SPPO("MlpPolicy", Choice(), n_steps=16, seed=5, device="cpu", tensorboard_log=str(tmp_path)).learn(16)
    other.save(tmp_path / "other")
    for policy in (str(tmp_path / "other.zip"), other):
        model = DivergenceRegPG(
            "MlpPolicy", Choice(), n_steps=16, reference="frozen", reference_kwargs={"policy": policy}, device="cpu"
        ).learn(32)
        model.save(tmp_path / "model")
        if isinstance(policy, str):
            (tmp_path / "other.zip").unlink()
        loaded = DivergenceRegPG.load(tmp_path / "model", env=Choice(), device="cpu", coef=0.7).learn(16)
        (rule,) = loaded.active_regularizers
        assert (rule.name, rule.coefficient.value(1.0)) == ("kl_frozen", 0.7)
        assert rule.seen is not None
        assert DivergenceRegPG.load(tmp_path / "model", reference="ema").active_regularizers[0].name == "kl_ema"
    kernel = {"kernel": "linear", "features": "env"}
    model = DivergenceRegPG("MlpPolicy", Featured(), divergence="mmd", divergence_kwargs={"kernel": kernel})
    model.save(tmp_path / "features")
    (rule,) = DivergenceRegPG.load(tmp_path / "features", coef=0.5).active_regularizers
    assert rule.divergence.kernel.features is not None


def test_features_follow_the_environment(tmp_path: Path) -> None:
    class Otherwise(Featured):
        action_features = 3 * Featured.action_features

    kernel = {"kernel": "rbf", "bandwidth": "median", "features": "env"}
    rule = {"divergence": "mmd", "divergence_kwargs": {"kernel": kernel}}
    model = SPPO("MlpPolicy", Featured(), n_steps=16, regularizers=[rule], device="cpu")
    width = model.regularizers[0].divergence.kernel.bandwidth
    model.save(tmp_path / "model")
    moved = SPPO.load(tmp_path / "model", env=Otherwise(), device="cpu").regularizers[0].divergence.kernel
    assert moved.bandwidth == pytest.approx(3 * width)


def test_an_infinite_divergence_does_not_reach_the_coefficient() -> None:
    """λ is tuned on min(D, cap), which is what it drives."""
    from sb3_entropy.distributions.laws import Finite
    from sb3_entropy.regularizers.regularizer import Penalty

    rule = Regularizer("kl", mode="repel", cap=2.0, coef="auto_0.1", target_divergence=0.5)
    p = Finite((th.tensor([[0.5, 0.5]]).log(),))
    for q in ([0.4, 0.6], [1.0, 0.0], [0.4, 0.6]):
        loss = Penalty(rule, [(1.0, Finite((th.tensor([q]).log(),)))])(p, th.zeros(()), 1.0, lambda scalar: 0.0)
        assert loss.isfinite()
        rule.after_update(100)
    assert math.isfinite(rule.coefficient.value(1.0))
    assert rule.seen is not None
    assert rule.seen[0] < 2.0


def test_supports_that_do_not_fit_are_told_before_training() -> None:
    with pytest.raises(ValueError, match="beta"):
        DivergenceRegPG("MlpPolicy", "Pendulum-v1", divergence="kl", reference="uniform")
    with pytest.raises(ValueError, match="mixture_sampling"):
        DivergenceRegPG("MlpPolicy", "Pendulum-v1", divergence="hellinger", reference="uniform")
    # Found before training, though there is no previous policy yet; nor are its σ others than the policy's.
    two = RandomEnv(VECTOR, spaces.Box(-1, 1, (2,), np.float32))
    for reference in ("previous", "ema"):
        with pytest.raises(ValueError, match=r"total_variation_\w+ cannot be used here: .*mixture_sampling"):
            SPPO("MlpPolicy", two, regularizers=[{"divergence": "total_variation", "reference": reference}])
    window = {"divergence": "kl", "reference": "previous", "reference_kwargs": {"n_snapshots": 2}}
    with pytest.raises(ValueError, match="mixture_sampling"):
        SPPO("MlpPolicy", "Pendulum-v1", regularizers=[window])
    SPPO(
        "MlpPolicy", "Pendulum-v1", regularizers=[{**window, "reference_kwargs": {"n_snapshots": 2, "combine": "mean"}}]
    )
