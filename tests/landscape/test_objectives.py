"""Objectives of which everything is known, surrogate losses, directions, and what is checked of input."""

import numpy as np
import pytest
import torch as th
from scipy import stats
from stable_baselines3 import A2C, PPO, SAC, TD3
from stable_baselines3.common.buffers import RolloutBuffer

from sb3_entropy.landscape import Conditions, FunctionObjective, SurrogateObjective, random_directions
from sb3_entropy.landscape.objectives.function import quadratic, saddle
from sb3_entropy.policies.parameters import ParameterVector

SMALL = {"n_steps": 32, "batch_size": 16, "device": "cpu", "policy_kwargs": {"net_arch": [8]}}


def test_the_papers_toy_has_its_saddle_and_its_curved_ridge():
    objective = FunctionObjective(saddle, [0.0, 0.0])
    assert objective.is_exact
    a = 1e-4
    d = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
    plus, minus, zero = (objective.returns(objective.theta0 + s * a * d)[:, 0] for s in (1, -1, 0))
    np.testing.assert_allclose((plus + minus - 2 * zero) / a**2, [2, -2], atol=1e-5)
    hessian = np.array([[-8.0, -2.0], [-2.0, -0.5]])  # of a maximum, −2∇(θ₀θ₁)∇(θ₀θ₁)ᵀ, by hand
    at = np.array([-0.5, -2.0])
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), [-8.5, 0], atol=1e-12)
    for direction in random_directions(2, range(5), seed=1):
        p, m, z = (saddle(at + s * a * direction) for s in (1, -1, 0))
        np.testing.assert_allclose((p + m - 2 * z) / a**2, direction @ hessian @ direction, atol=1e-4)


def test_a_quadratic_is_one():
    hessian, slope = [[2.0, 1.0], [1.0, -3.0]], [0.5, -1.0]
    objective = FunctionObjective(quadratic(hessian, slope), [1.0, 2.0], name="bowl")
    np.testing.assert_allclose(objective.returns([[1.0, 2.0], [3.0, -1.0]]), [[-4.5], [7.0]])
    assert objective.describe() == {"kind": "function", "function": "bowl", "n_parameters": 2}
    assert FunctionObjective(saddle, [0, 0]).describe()["function"].endswith("function.saddle")
    with pytest.raises(ValueError, match="hessian must be a symmetric matrix"):
        quadratic([[1.0, 2.0], [0.0, 1.0]])


def test_an_objective_does_not_hand_out_what_it_holds():
    objective = FunctionObjective(lambda theta: theta.fill(9) or 0.0, [1.0, 2.0])
    objective.theta0.fill(5)
    given = np.ones((1, 2))
    objective.returns(given)
    np.testing.assert_array_equal(given, 1)
    np.testing.assert_array_equal(objective.theta0, [1, 2])
    assert objective.under(Conditions()) is objective
    assert objective.conditions == Conditions()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda o: o.returns([1.0, 2.0]), r"thetas must have the shape \(K, 2\).*but \(2,\) was given"),
        (lambda o: o.returns(np.ones((0, 2))), r"but \(0, 2\) was given"),
        (lambda o: o.returns([[1.0, np.nan]]), "parameter 1 of candidate 0 is nan"),
        (lambda o: o.returns([[1.0, 2.0]], [-1]), "an episode must be a whole number ≥ 0"),
        (lambda o: o.returns([[1.0, 2.0]], []), "episodes must be at least one number, and each once"),
        (lambda o: o.returns([[1.0, 2.0]], [3, 3]), r"each once, but \[3, 3\] was given"),
        (lambda o: o.returns([[1.0, 2.0]], [1, *range(11)]), r"\[1, 0, 1, 2, 3, 4, 5, 6, 7, 8, …\]"),
        (lambda o: o.returns([[1.0, 2.0]], range(3)), r"is exact.*but 3 episodes.*episodes=\(0,\)"),
        (lambda o: o.under(Conditions(std=0.1)), "has no policy that"),
        (lambda o: FunctionObjective(saddle, [[1.0]]), "theta0 must be a vector of finite numbers"),
        (lambda o: FunctionObjective(saddle, [np.inf]), "theta0 must be a vector of finite numbers"),
        (lambda o: Conditions(std=-0.1), "std must be a number ≥ 0"),
        (lambda o: Conditions(ent_coef=-1.0), "ent_coef must be a number ≥ 0"),
        (lambda o: Conditions(mix=1.5), "mix must be a number between 0 and 1"),
    ],
)
def test_input_is_checked(call, message):
    with pytest.raises(ValueError, match=message):
        call(FunctionObjective(saddle, [0.0, 0.0]))


def test_kinds_are_checked():
    with pytest.raises(TypeError, match="function must be callable"):
        FunctionObjective(3.0, [0.0])
    with pytest.raises(TypeError, match="an episode must be a whole number"):
        FunctionObjective(saddle, [0.0, 0.0]).returns([[1.0, 2.0]], [0.5])
    with pytest.raises(TypeError, match="mix must be a number"):
        Conditions(mix="a")


def _gradient(objective):
    theta = th.as_tensor(objective.theta0, dtype=th.float32).requires_grad_()
    return th.autograd.grad(objective.value(theta), theta)[0].numpy()


@pytest.mark.parametrize(("env", "clip_range"), [("Pendulum-v1", 0.2), ("CartPole-v1", 0.01)])
def test_surrogates_have_one_gradient_and_curvatures_of_their_own(env, clip_range):
    """At the policy that played; by automatic differentiation, and by the values that a probe sees."""
    model = PPO("MlpPolicy", env, seed=1, **SMALL)
    model._setup_learn(32)
    model.collect_rollouts(model.env, _silent(model), model.rollout_buffer, 32)
    objectives = [SurrogateObjective.of(model, loss, clip_range) for loss in ("log_prob", "ratio", "clipped")]
    gradients = [_gradient(one) for one in objectives]
    assert np.abs(gradients[0]).max() > 1e-3
    np.testing.assert_allclose(gradients[1], gradients[0], atol=2e-5)
    np.testing.assert_allclose(gradients[2], gradients[0], atol=2e-5)
    d, a = random_directions(objectives[0].n_parameters, [0], seed=3), 0.3
    curvatures = []
    for one, gradient in zip(objectives, gradients, strict=True):
        plus, minus, zero = (one.returns(one.theta0 + s * d)[0, 0] for s in (a, -a, 0))
        near = [one.returns(one.theta0 + s * d)[0, 0] for s in (2e-2, -2e-2)]
        np.testing.assert_allclose((near[0] - near[1]) / 4e-2, gradient @ d[0], rtol=0.05, atol=0.01)
        curvatures.append((plus + minus - 2 * zero) / a**2)
    assert len(np.unique(np.round(curvatures, 3))) == 3


def _silent(model):
    callback = model._init_callback(None)
    callback.on_training_start({}, {})
    return callback


def test_a_surrogate_of_a_learned_rollout_is_what_the_algorithm_says():
    model = A2C("MlpPolicy", "Pendulum-v1", seed=1, n_steps=16, device="cpu").learn(16)
    objective = SurrogateObjective.of(model, "log_prob")
    buffer = model.rollout_buffer
    _, log_prob, _ = model.policy.evaluate_actions(th.as_tensor(buffer.observations), th.as_tensor(buffer.actions))
    wanted = (th.as_tensor(buffer.advantages).flatten() * log_prob).mean().item()
    np.testing.assert_allclose(objective.returns(objective.theta0[None])[0, 0], wanted, rtol=1e-5)
    told = objective.describe()
    assert (told["kind"], told["loss"]) == ("surrogate", "log_prob")
    assert objective.under(Conditions()).describe() == told
    assert objective.conditions == Conditions()
    buffer.advantages += 1
    assert SurrogateObjective.of(model, "log_prob").describe()["rollout"] != told["rollout"]
    other = ParameterVector(model.policy).get().double().numpy() + 0.1
    with ParameterVector(model.policy).at(th.as_tensor(other, dtype=th.float32)):
        _, log_prob, _ = model.policy.evaluate_actions(th.as_tensor(buffer.observations), th.as_tensor(buffer.actions))
    wanted = (th.as_tensor(buffer.advantages - 1).flatten() * log_prob).mean().item()
    np.testing.assert_allclose(objective.returns(other[None])[0, 0], wanted, rtol=1e-5)


def test_what_has_no_surrogate_is_refused():
    model = PPO("MlpPolicy", "Pendulum-v1", seed=1, **SMALL)
    assert isinstance(model.rollout_buffer, RolloutBuffer)
    with pytest.raises(ValueError, match="rollout buffer is not full"):
        SurrogateObjective.of(model)
    with pytest.raises(TypeError, match="SAC has no rollout buffer"):
        SurrogateObjective.of(SAC("MlpPolicy", "Pendulum-v1", buffer_size=10, device="cpu"))
    rollout = np.zeros((4, 3), np.float32), np.zeros((4, 1), np.float32), np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="of the same steps"):
        SurrogateObjective(model.policy, *rollout, np.zeros(3, np.float32))
    with pytest.raises(ValueError, match=r"Unknown loss 'clip'.*Did you mean 'clipped'"):
        SurrogateObjective(model.policy, *rollout, np.zeros(4, np.float32), "clip")
    with pytest.raises(ValueError, match="clip_range must be a number > 0"):
        SurrogateObjective(model.policy, *rollout, np.zeros(4, np.float32), clip_range=0)
    deterministic = TD3("MlpPolicy", "Pendulum-v1", buffer_size=10, device="cpu").policy
    with pytest.raises(TypeError, match="TD3Policy is deterministic"):
        SurrogateObjective(deterministic, *rollout, np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="a rollout that has been played"):
        SurrogateObjective(model.policy, *rollout, np.zeros(4, np.float32)).under(Conditions(mix=0.5))


def test_a_direction_is_made_again_alone():
    all_ = random_directions(50, range(20), seed=3)
    np.testing.assert_array_equal(random_directions(50, [17, 2], seed=3), all_[[17, 2]])
    assert not np.array_equal(random_directions(50, [2], seed=4)[0], all_[2])
    np.testing.assert_allclose(np.linalg.norm(all_, axis=1), 1)


def test_directions_are_uniform_on_the_sphere():
    """Of 5 dimensions d₁² ~ Beta(½, 2); the Kolmogorov–Smirnov test rejects with probability 1e-3 at a fixed seed."""
    directions = random_directions(5, range(3000), seed=1)
    assert stats.kstest(directions[:, 2] ** 2, stats.beta(0.5, 2).cdf).pvalue > 1e-3
    covariance = directions.T @ directions / 3000
    np.testing.assert_allclose(covariance, np.eye(5) / 5, atol=0.02)  # four standard errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, [1], 0), "n_parameters"), ((3, [-1], 0), "an index of a direction"), ((3, [1], -1), "seed")],
)
def test_directions_are_numbered_from_0(arguments, message):
    with pytest.raises(ValueError, match=f"{message} must be a whole number"):
        random_directions(*arguments)
