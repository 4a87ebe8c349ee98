"""A loaded model goes on as it would have gone; what is given to ``load`` again is not made anew for that."""

import io
from pathlib import Path
from typing import Any

import pytest

from contracts.envs import make_env
from contracts.models import ON_POLICY, alpha, assert_same_state, build, like_parent
from sb3_entropy.regularizers.regularizer import Regularizer

TUNED = {"coef": "auto_0.1", "target_divergence": 0.001, "coef_lr": 0.01}
# As a YAML has them.
RULES: list[dict[str, Any]] = [
    {"divergence": "kl", "reference": "previous", "reference_kwargs": {"n_snapshots": 2}, **TUNED},
    {"divergence": "hellinger", "reference": "ema", "reference_kwargs": {"decay": 0.5}, "coef": "decay_1_0.5"},
]


def make(key: str, **kwargs: Any) -> Any:
    return build(key, make_env(actions="discrete"), n_steps=8, learning_rate=0.02, **kwargs)


def reload(model: Any, **kwargs: Any) -> Any:
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    return type(model).load(file, env=make_env(actions="discrete"), device="cpu", **kwargs)


def memory(rule: Regularizer) -> tuple[Any, ...]:
    """:return: what a regulariser has learned"""
    snapshots = getattr(rule.reference, "snapshots", None) or [getattr(rule.reference, "average", None)]
    held = [None if each is None else {n: t.tolist() for n, t in each.tensors.items()} for each in snapshots]
    return rule.coefficient.value(1.0), held


@pytest.mark.parametrize("key", ON_POLICY)
def test_all_that_is_given_again_goes_on(key: str) -> None:
    """rl-zoo gives every hyperparameter of the preset to ``load``."""
    preset = {"ent_coef": "auto_0.1", "target_entropy": 0.4, "regularizers": RULES, "gamma": 0.9}
    model = make(key, **preset, **like_parent(key)).learn(40)
    plain, given = reload(model), reload(model, **preset)
    assert alpha(given) == alpha(model) != 0.1
    for rules in (plain.regularizers, given.regularizers):
        assert [memory(rule) for rule in rules] == [memory(rule) for rule in model.regularizers]
        assert rules[0].coefficient.value(1.0) != 0.1
        assert rules[1].coefficient.value(1.0) == 0.5**4  # there is no average in the first update
    for loaded in (plain, given):
        loaded.set_random_seed(3)
        loaded.learn(16, reset_num_timesteps=False)
    assert_same_state(plain, given)


def changed(index: int, **options: Any) -> list[dict[str, Any]]:
    return [{**rule, **(options if place == index else {})} for place, rule in enumerate(RULES)]


@pytest.mark.parametrize("assigned", [False, True])
def test_only_what_is_changed_is_made_anew(assigned: bool) -> None:
    model = make("sppo", regularizers=RULES).learn(32)
    held = [memory(rule) for rule in model.regularizers]

    def after(rules: list[Any]) -> list[tuple[Any, ...]]:
        other = reload(model, **({} if assigned else {"regularizers": rules}))
        if assigned:
            other.regularizers = rules
        return [memory(rule) for rule in other.regularizers]

    anew = [memory(rule) for rule in make("sppo", regularizers=RULES).regularizers]
    assert after(RULES) == held
    assert after(changed(0, coef_lr=0.5)) == held
    assert after(changed(0, target_divergence=0.7)) == held
    assert after(changed(0, divergence_kwargs={"n_samples": 8})) == held
    assert after(changed(0, coef="auto_0.3")) == [(pytest.approx(0.3), held[0][1]), held[1]]
    assert after(changed(1, coef=0.7)) == [held[0], (0.7, held[1][1])]
    assert after(changed(1, reference_kwargs={"decay": 0.4})) == [held[0], (held[1][0], anew[1][1])]
    # Wherever it stands now.
    assert after(RULES[::-1]) == held[::-1]
    assert after(RULES[1:]) == held[1:]
    assert after([{"divergence": "kl"}, *RULES]) == [(0.1, [None]), *held]
    assert after([RULES[0], RULES[0]]) == [held[0], anew[0]]


def test_the_own_regulariser_goes_on_too() -> None:
    given = {"reference": "previous", "reference_kwargs": {"n_snapshots": 2}, **TUNED}
    model = make("divergence_reg_pg", **given).learn(40)

    def after(**options: Any) -> tuple[Any, ...]:
        return memory(reload(model, **options).active_regularizers[0])

    (rule,) = model.active_regularizers
    held = memory(rule)
    assert held[0] != 0.1
    assert after() == after(**given) == after(**given, mode="attract") == after(coef_lr=0.5) == held
    assert after(coef="auto_0.3") == (pytest.approx(0.3), held[1])
    assert after(reference="ema") == (held[0], [None])
    model.coef = "auto_0.1"
    assert model.active_regularizers[0] is rule
    model.target_divergence = 0.5
    assert memory(model.active_regularizers[0]) == held


@pytest.mark.parametrize("key", ["sppo", "divergence_reg_pg"])
def test_a_frozen_policys_file_is_not_needed_again(key: str, tmp_path: Path) -> None:
    file = tmp_path / "other.zip"
    make("sppo", seed=9).save(file)
    rule = {"divergence": "kl", "reference": "frozen", "reference_kwargs": {"policy": str(file)}, "coef": 0.5}
    given = {"regularizers": [rule]} if key == "sppo" else {**rule, "divergence_kwargs": None}
    model = make(key, **given).learn(8)
    file.unlink()
    other = {"regularizers": [{**rule, "coef": 0.7}]} if key == "sppo" else {**given, "coef": 0.7}
    for changes in (given, other):
        (loaded,) = reload(model, **changes).learn(8).active_regularizers
        assert loaded.name == "kl_frozen"
        assert loaded.seen is not None
    moved = {**rule, "reference_kwargs": {"policy": str(tmp_path / "elsewhere.zip")}}
    moved_to = {"regularizers": [moved]} if key == "sppo" else moved
    with pytest.raises(FileNotFoundError, match="There is no reference policy at"):
        reload(model, **moved_to)


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_schedule_is_never_asked_beyond_the_end(key: str) -> None:
    """50 steps in rollouts of 16 end at step 64, where the remaining progress would be −.28."""
    asked: list[float] = []

    def schedule(progress: float) -> float:
        asked.append(progress)
        return 0.1 * progress

    rule = {"divergence": "kl", "coef": schedule}
    own = {"coef": schedule} if key == "divergence_reg_pg" else {}
    build(key, make_env(actions="discrete"), ent_coef=schedule, regularizers=[rule], n_steps=16, **own).learn(50)
    assert min(asked) == 0.0
    assert max(asked) == 1.0
