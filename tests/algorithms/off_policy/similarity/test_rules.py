"""Every rule, on critics that are known functions of the action."""

import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import KINDS, similarity
from sb3_entropy.algorithms.off_policy.similarity.models import add_bends, bends, common_and_difference
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule, make_similarity_rule
from sb3_entropy.algorithms.off_policy.similarity.rules.quadratic import RADII
from sb3_entropy.registry import SIMILARITY_RULES
from tests.algorithms.off_policy.similarity.known_critics import KnownCritics, linear, states

RULES = ("bfloat16", "exact", "linear", "linear_at_mode", "quadratic", "sequential")
#: rules that draw as the exact one does
SAME_DRAWS = ("bfloat16", "sequential")


def ask(rule: Any, critics: KnownCritics, kind: str = "shifted", samples: int = 100, seed: int = 0) -> th.Tensor:
    return make_similarity_rule(rule)(critics, kind, 0.9, samples, th.Generator().manual_seed(seed))


def mean_of_draws(critics: KnownCritics, kind: str, samples: int, draws: int = 200) -> th.Tensor:
    """:return: E sim over N actions, by brute force, shape (B,)"""
    generator = th.Generator().manual_seed(99)
    sims = []
    for _ in range(draws):
        z = th.randn(samples, *critics.mean.shape, generator=generator)
        sims.append(similarity(critics.q(th.tanh(critics.mean + critics.std * z)), kind))
    return th.stack(sims).mean(0)


def test_the_registry_has_them_all() -> None:
    ours = {key for key, rule in SIMILARITY_RULES.items() if rule.__module__.startswith("sb3_entropy.")}
    assert ours == set(RULES)
    for key in RULES:
        rule = make_similarity_rule(key)
        assert isinstance(rule, SimilarityRule)
        assert rule.description
        assert make_similarity_rule(rule) is rule
        again = pickle.loads(pickle.dumps(rule))
        assert th.equal(ask(again, linear()), ask(rule, linear()))


@pytest.mark.parametrize("key", RULES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples", [6, 100])
def test_each_is_calibrated_to_the_samples_where_critics_are_linear(key: str, kind: str, samples: int) -> None:
    critics = linear()
    found = th.stack([ask(key, critics, kind, samples, seed) for seed in range(30)])
    expected = mean_of_draws(critics, kind, samples)
    # Five standard errors of a mean of 30, in each of 40 states: fails by chance in 1 of 40,000 runs.
    error = 5 * found.std(0) / 30**0.5 + 5e-3
    assert ((found.mean(0) - expected).abs() < error).all()


def test_the_shifted_similarity_depends_on_the_samples() -> None:
    critics = linear()
    few, many = (mean_of_draws(critics, "shifted", samples) for samples in (6, 100))
    assert (many - few).abs().max() > 0.05  # so that the test above can tell


@pytest.mark.parametrize("n_actions", [1, 2, 5])
@pytest.mark.parametrize("key", ["linear", "linear_at_mode", "quadratic"])
def test_models_of_linear_critics_are_exact_draw_by_draw(key: str, n_actions: int) -> None:
    critics = linear(n_actions=n_actions, n_critics=3)
    z = th.randn(100, n_actions, generator=th.Generator().manual_seed(4))
    expected = similarity(critics.q(th.tanh(critics.mean + critics.std * z[:, None])))
    rule = {"similarity_rule": "quadratic", "draws": 1} if key == "quadratic" else key
    assert th.allclose(ask(rule, critics, seed=4), expected, atol=2e-5)


def curved(bent: Callable[[th.Tensor], th.Tensor]) -> KnownCritics:
    """:return: critics of one action, w·a and a share of what is bent in the noise z before σ"""
    mean, std = states(30, 1)
    mean, std = 0.3 * mean, 0.5 * std
    w, share = th.tensor([[2.0, 1.2], [1.6, -1.0]]), th.tensor([[0.4, 0.2], [-0.1, 0.3]])

    def q(a: th.Tensor) -> th.Tensor:
        z = ((th.atanh(a.double().clamp(-1 + 1e-15, 1 - 1e-15)) - mean) / std)[..., 0]
        of_z = bent(z)
        return (w.view(2, 2, *[1] * z.dim()) * a[..., 0] + share.view(2, 2, *[1] * z.dim()) * of_z).float()

    return KnownCritics(q, mean, std)


def test_the_quadratic_rule_is_exact_where_critics_are_its_model() -> None:
    inner, outer = RADII[1]

    def bent(z: th.Tensor) -> th.Tensor:
        """x² to r₁, straight on to r₂ at another height, and to the left half of it"""
        x = z.abs()
        height = th.where(x < inner, (x / inner) ** 2, 1 + (x - inner) / (outer - inner) * 3.5)
        return th.where(z > 0, height, 0.5 * height)

    critics = curved(bent)
    z = th.randn(100, 1, generator=th.Generator().manual_seed(4))
    expected = similarity(critics.q(th.tanh(critics.mean + critics.std * z[:, None])))
    assert th.allclose(ask({"similarity_rule": "quadratic", "draws": 1}, critics, seed=4), expected, atol=1e-4)
    assert (ask("linear_at_mode", critics, seed=4) - expected).abs().max() > 0.05


def test_a_curvature_that_the_linear_rules_miss_is_seen_by_the_quadratic_one() -> None:
    critics = curved(lambda z: z**2)
    expected = mean_of_draws(critics, "shifted", 100)
    error = {}
    for key in ("linear", "linear_at_mode", "quadratic"):
        found = th.stack([ask(key, critics, seed=seed) for seed in range(20)]).mean(0)
        error[key] = (found - expected).abs().mean().item()
    assert error["quadratic"] < 0.015
    assert min(error["linear"], error["linear_at_mode"]) > 4 * error["quadratic"]


class Rounded(KnownCritics):
    """Values are computed in another order than they are together with gradients."""

    def values(self, *asked: Any, **options: Any) -> th.Tensor:
        found = super().values(*asked, **options)
        return found + 1e-6 * th.tensor([1.0, 2.0]).view(2, 1, *[1] * (found.dim() - 2))


@pytest.mark.parametrize("n_actions", [1, 3])
def test_rounding_bends_nothing_where_all_actions_are_one(n_actions: int) -> None:
    """Where tanh is at its end f and g are constant, and what rounding leaves of both would be alike."""
    straight = linear(n_actions=n_actions)
    ends = th.arange(40) % 3 == 0
    straight.mean[ends] = 40.0
    rounded = Rounded(straight.q, straight.mean, straight.std)
    expected, found = ask("quadratic", straight), ask("quadratic", rounded)
    assert th.equal(found[ends], th.zeros(14))
    assert (found[~ends] > 0).all()
    th.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_bends_pass_through_what_is_known() -> None:
    radii = (1.0, 2.4)
    inner, outer = bends(th.tensor([0.0, 1.0, 2.4]), radii)
    assert th.allclose(inner, th.tensor([0.0, 1.0, 0.0]), atol=1e-6)
    assert th.allclose(outer, th.tensor([0.0, 0.0, 1.0]), atol=1e-6)
    (alone,) = bends(th.tensor([0.0, 0.5, 2.0, 6.0]), (2.0,))
    assert alone.tolist() == [0.0, 0.0625, 1.0, 5.0]  # (t/r)², then 2t/r − 1
    left = th.randn(2, 2, 4, 3, generator=th.Generator().manual_seed(0))
    modelled = th.zeros(2, 2, 5, 3)
    add_bends(modelled, th.tensor([1.0, 2.4, -1.0, -2.4, 0.0])[:, None].expand(5, 3), radii, left)
    assert th.allclose(modelled[:, :, :4], left, atol=1e-6)
    assert th.equal(modelled[:, :, 4], th.zeros(2, 2, 3))


def test_directions_are_perpendicular_also_where_gradients_vanish_or_cancel() -> None:
    g = th.randn(2, 2, 6, 4, generator=th.Generator().manual_seed(0))
    g[:, :, 0] = 0.0
    g[1, :, 1] = g[0, :, 1]
    common, apart = common_and_difference(g)
    assert th.allclose(common.norm(dim=1), th.ones(6))
    assert th.allclose((common * apart).sum(1), th.zeros(6), atol=1e-6)
    assert th.allclose(apart.norm(dim=1), th.tensor([0.0, 0.0, 1.0, 1.0, 1.0, 1.0]))
    assert common[0].tolist() == [1.0, 0.0, 0.0, 0.0]
    opposed = th.ones(2, 2, 3, 1)
    opposed[1] = -1.0
    (alone,) = common_and_difference(opposed)
    assert alone.abs().tolist() == [[1.0]] * 3


@pytest.mark.parametrize("key", SAME_DRAWS)
@pytest.mark.parametrize("kind", KINDS)
def test_rules_of_the_same_draws_are_the_exact_one_where_critics_are_linear(key: str, kind: str) -> None:
    assert th.allclose(ask(key, linear(), kind), ask("exact", linear(), kind), atol=2e-4)


def rough(n_states: int = 300) -> KnownCritics:
    """:return: critics that no model of few numbers describes: waves in every direction"""
    generator = th.Generator().manual_seed(11)
    mean, std = states(n_states, 3)
    k = 2.5 * th.randn(24, 3, generator=generator)
    own = th.randn(2, 2, n_states, 24, generator=generator) + 0.2 * th.randn(n_states, 24, generator=generator)
    phase = 6.28 * th.rand(24, generator=generator)

    def q(a: th.Tensor) -> th.Tensor:
        waves = th.sin(a @ k.t() + phase)
        return th.einsum("gcbk,...bk->gc...b", own, waves)

    return KnownCritics(q, mean, std)


def test_sequential_decides_as_the_exact_rule_for_less() -> None:
    critics = rough()
    for threshold in (0.75, 0.8, 0.85):
        critics.asked = 0.0
        sims = [
            make_similarity_rule(key)(critics, "shifted", threshold, 100, th.Generator().manual_seed(8))
            for key in ("exact", "sequential")
        ]
        of_exact, of_fewer = (sim > threshold for sim in sims)
        assert 0.02 < of_exact.float().mean() < 0.98
        assert (of_exact == of_fewer).float().mean() >= 0.97
        assert critics.asked - 100 < 90  # of waves that the linear model knows nothing of


def test_sequential_asks_few_where_the_case_is_clear_and_all_where_it_is_not() -> None:
    critics = linear()
    rule = make_similarity_rule("sequential")
    rule(critics, "shifted", -0.9, 100, th.Generator().manual_seed(0))
    assert critics.asked == 2 + 8
    critics = rough(50)
    exact = ask("exact", critics)
    critics.asked = 0.0
    careful = make_similarity_rule({"similarity_rule": "sequential", "confidence": 1e9})
    found = careful(critics, "shifted", 0.9, 100, th.Generator().manual_seed(0))
    assert th.allclose(found, exact, atol=1e-6)
    assert critics.asked == 2 + 100
    assert th.equal(ask("sequential", critics, samples=5), ask("exact", critics, samples=5))


@pytest.mark.parametrize("key", RULES)
def test_no_global_random_number_is_drawn(key: str) -> None:
    before = th.get_rng_state()
    first, again, other = (ask(key, rough(60), seed=seed) for seed in (1, 1, 2))
    assert th.equal(th.get_rng_state(), before)
    assert th.equal(first, again)
    assert not th.equal(first, other)


@pytest.mark.parametrize("key", RULES)
def test_one_sample_says_nothing_when_shifted(key: str) -> None:
    assert th.equal(ask(key, linear(), samples=1), th.zeros(40))


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"samples": 0}, ValueError, "similarity_samples must be a whole number ≥ 1, but 0 was given."),
        ({"samples": 2.5}, TypeError, "similarity_samples must be a whole number ≥ 1, but 2.5 (float) was given."),
        (
            {"threshold": 1.1},
            ValueError,
            "similarity_threshold must be a number between -1 and 1, but 1.1 was given.",
        ),
        ({"kind": "centered"}, ValueError, "Unknown similarity 'centered'. Available: centred, raw, shifted. Did"),
    ],
)
def test_bad_calls_are_refused(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    given = {"kind": "shifted", "threshold": 0.9, "samples": 10, "generator": th.Generator(), **changed}
    with pytest.raises(error, match=re.escape(message)):
        make_similarity_rule("exact")(linear(), **given)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("quadratik", "Unknown similarity_rule 'quadratik'. Available: bfloat16, exact, linear, linear_at_mode"),
        ("exat", "Did you mean 'exact'?"),
        ({"similarity_rule": "exact", "draws": 2}, "Unknown option of similarity_rule='exact' 'draws'."),
        ({"similarity_rule": "quadratic", "draws": 0}, "draws must be a whole number ≥ 1, but 0 was given."),
        ({"similarity_rule": "sequential", "stages": (3,)}, "stages must be a whole number ≥ 4, but 3 was given."),
        ({"similarity_rule": "sequential", "stages": (8, 8)}, "stages must ascend, but (8, 8) was given."),
        ({"similarity_rule": "sequential", "confidence": 0}, "confidence must be a number > 0, but 0 was given."),
    ],
)
def test_bad_rules_are_refused(spec: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make_similarity_rule(spec)
