"""What is said when two laws cannot be compared, or a divergence cannot be made."""

from typing import Any

import pytest
import torch as th
from law_oracles import choice, choices, law

from sb3_entropy.distributions.laws import Beta, Gaussian
from sb3_entropy.divergences import FDivergence, make_divergence
from sb3_entropy.divergences.base import bounded_divergences
from sb3_entropy.registry import DIVERGENCES
from sb3_entropy.regularizers.regularizer import Regularizer


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("helinger", {}, r"Unknown divergence 'helinger'.*Did you mean 'hellinger'"),
        (
            "kl",
            {"n_sample": 3},
            r"Unknown option of divergence='kl' 'n_sample'. Available: estimator, n_samples. Did you mean 'n_samples'",
        ),
        ("mmd", {"kernal": "delta"}, r"Unknown option of divergence='mmd' 'kernal'.*Did you mean 'kernel'"),
        ("mmd", {"kernel": "delt"}, r"Unknown kernel 'delt'.*Did you mean 'delta'"),
        ({"n_samples": 3}, {}, r"A divergence as a mapping has its name under 'divergence'"),
        ("kl", {"n_samples": 1}, r"n_samples must be a whole number ≥ 2, but 1 was given"),
        (
            "kl",
            {"estimator": "mixture"},
            r"Unknown estimator of divergence='kl' 'mixture'. Available: mixture_sampling",
        ),
        (
            "max_deviation",
            {"estimator": "mixture_sampling"},
            r"Unknown estimator of divergence='max_deviation'.*Available: none",
        ),
    ],
)
def test_wrong_divergences_are_refused(spec: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_divergence(spec, **options)


def test_a_divergence_must_be_something_that_names_one() -> None:
    with pytest.raises(TypeError, match=r"A divergence is given by its name, by a mapping .*, but None \(NoneType\)"):
        make_divergence(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"n_samples must be a whole number ≥ 2, but 2.5 \(float\)"):
        make_divergence("kl", n_samples=2.5)
    made = make_divergence({"divergence": "mmd", "kernel": "rbf_index"}, n_samples=8)
    assert made.n_samples == 8
    assert make_divergence(made) is made
    with pytest.raises(ValueError, match="MMD is made already and takes no options, but n_samples was given"):
        make_divergence(made, n_samples=8)


@pytest.mark.parametrize("key", DIVERGENCES.keys())
def test_a_reference_from_another_action_space_is_refused(key: str) -> None:
    divergence = make_divergence(key)
    four, five = choice(th.zeros(2, 4)), choice(th.zeros(2, 5))
    boxes = [Beta(th.ones(2, 1), th.ones(2, 1), th.tensor([0.0]), th.tensor([high])) for high in (1.0, 2.0)]
    pairs = [(four, five), (four, choices(th.zeros(2, 4), (2, 2))), (four, boxes[0]), (boxes[0], boxes[1])]
    for p, q in pairs:
        for one, other in ((p, q), (q, p)):
            with pytest.raises(ValueError, match=r"choose from different actions: that is a reference from another"):
                divergence(one, other)
    with pytest.raises(ValueError, match=r"has 2 states and Finite on 4 choices has 3"):
        divergence(four, choice(th.zeros(3, 4)))


def test_what_has_no_closed_form_asks_for_an_estimator() -> None:
    gaussian, uniform = law("gaussian", th.ones(1, 2)), law("uniform", th.ones(1, 2))
    with pytest.raises(
        ValueError,
        match=r"The divergence 'jensen_shannon' has no closed form between p, Gaussian on 1 unbounded dimension, and "
        r"q, UniformBox on the box \[-0.5, 2\]. Name an estimator: estimator='mixture_sampling', which draws n_samples "
        r"actions a state",
    ):
        make_divergence("jensen_shannon")(gaussian, uniform)
    for key, p, q in (
        ("total_variation", law("gaussian", th.ones(1, 2)), uniform),
        ("hellinger_sum", gaussian, uniform),
        ("jensen_shannon_sum", gaussian, gaussian),
        ("negative_entropy", law("tanh_gaussian", th.ones(1, 2)), uniform),
    ):
        with pytest.raises(ValueError, match="Name an estimator"):
            make_divergence(key)(p, q)


def test_total_variation_of_gaussians_of_different_std_needs_an_estimator_in_more_dimensions() -> None:
    p, q = (Gaussian(th.zeros(1, 2), th.tensor([[1.0, std]])) for std in (1.0, 2.0))
    with pytest.raises(
        ValueError, match="The divergence 'total_variation' has no closed form between p, Gaussian on 2 unbounded dim"
    ):
        make_divergence("total_variation")(p, q)
    assert make_divergence("total_variation", estimator="mixture_sampling")(p, q).shape == (1,)


def test_the_largest_deviation_is_for_finite_actions() -> None:
    gaussian = law("gaussian", th.ones(1, 2))
    with pytest.raises(
        ValueError, match=r"The divergence 'max_deviation' has no closed form.*no estimator either: it is for finitely"
    ):
        make_divergence("max_deviation")(gaussian, gaussian)
    bits = choices(th.zeros(1, 34), (2,) * 17)
    with pytest.raises(ValueError, match=r"17 times 2 choices.*joint tables of at most 2¹⁶ entries"):
        make_divergence("max_deviation")(bits, bits)
    with pytest.raises(NotImplementedError, match="a sample of actions need not contain the largest"):
        make_divergence("max_deviation").estimate(bits, bits)
    with pytest.raises(
        ValueError, match="The divergence 'total_variation' has no closed form between p, Finite on 17 times 2 choices"
    ):
        make_divergence("total_variation")(bits, bits)


@pytest.mark.parametrize("estimator", [None, "mixture_sampling"])
def test_an_infinite_kl_is_an_error_with_a_remedy(estimator: str | None) -> None:
    """It is infinite whatever the parameters are, so there is no gradient to learn from."""
    gaussian = law("gaussian", th.ones(1, 2))
    for kind in ("uniform", "beta", "tanh_gaussian"):
        inside = law(kind, th.full((1, 2), 2.0))
        with pytest.raises(
            ValueError,
            match=r"The divergence 'kl' is infinite between p, Gaussian.*support of p is not inside that of q.*"
            r"action_distribution='beta' or 'tanh_gaussian'.*\(hellinger, jensen_shannon, total_variation\) with "
            r"estimator='mixture_sampling'",
        ):
            make_divergence("kl", estimator=estimator)(gaussian, inside)
        with pytest.raises(
            ValueError, match=r"The divergence 'reverse_kl' is infinite.*support of q is not inside that of p"
        ):
            make_divergence("reverse_kl", estimator=estimator)(inside, gaussian)


def test_gradient_weights_are_those_of_a_single_choice() -> None:
    for p in (choices(th.zeros(1, 4), (2, 2)), law("gaussian", th.ones(1, 2))):
        with pytest.raises(ValueError, match="gradient_weights are those of a single choice of n actions, but"):
            make_divergence("kl").gradient_weights(p, p)
    with pytest.raises(ValueError, match="another action space"):
        make_divergence("kl").gradient_weights(choice(th.zeros(1, 4)), choice(th.zeros(1, 5)))


def test_those_with_a_bound_are_read_off_the_registry() -> None:
    keys = "hellinger, hellinger_sum, jensen_shannon, jensen_shannon_sum, max_deviation, mmd, mmd_witness"
    assert bounded_divergences() == f"{keys}, total_variation"
    assert bounded_divergences(FDivergence) == "hellinger, jensen_shannon, total_variation"
    with pytest.raises(ValueError, match=f"with a bound: {keys}, total_variation"):
        Regularizer("kl", mode="repel")


def test_one_that_needs_an_option_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stretched(type(make_divergence("hellinger"))):  # type: ignore[misc]
        def __init__(self, factor: float):
            super().__init__()

    monkeypatch.setitem(DIVERGENCES._things, "stretched", Stretched)
    assert "stretched" not in bounded_divergences()
