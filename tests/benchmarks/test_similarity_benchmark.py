"""The benchmark of similarity rules says what was found, on findings that are known."""

from typing import Any

import numpy as np
import pytest
import torch as th

from benchmarks.similarity.__main__ import cost_table, table
from benchmarks.similarity.agents import Counting, trained
from benchmarks.similarity.agreement import ONE, Found, look, summary
from benchmarks.similarity.figure import draw
from sb3_entropy.algorithms.off_policy.similarity.rule import make_similarity_rule


def founds() -> list[Found]:
    """:return: two agents of four states; the rule agrees in 3 of 4 and in 1 of 4, one draw in all and in 3 of 4"""
    own = {ONE: ([1, 1, 1, 1], [1, 1, 1, 0]), "sequential": ([1, 1, 1, 0], [0, 0, 1, 0])}
    return [
        Found(
            {(0.8, name): np.array(agreed[agent], float) for name, agreed in own.items()},
            {(0.8, "sequential"): 0.9 + 0.05 * agent},
            {(0.8, ONE): 100.0, (0.8, "sequential"): 10.0 + agent},
        )
        for agent in range(2)
    ]


def rows() -> list[dict[str, Any]]:
    return summary(founds(), (0.8,), (ONE, "sequential"))


def test_means_differences_and_intervals() -> None:
    one, rule = rows()
    assert (one["agreement"], rule["agreement"]) == (0.875, 0.5)
    assert (one["difference"], rule["difference"]) == (0.0, -0.375)
    assert (one["same_draws"], rule["same_draws"]) == (None, pytest.approx(0.925))
    assert rule["evaluations"] == 10.5
    for row in (one, rule):
        assert row["interval"][0] <= row["agreement"] <= row["interval"][1]
    assert one["difference_interval"] == [0.0, 0.0]
    low, high = rule["difference_interval"]
    assert low < -0.375 < high <= 0.0


def test_tables_say_what_is_within_the_allowance() -> None:
    text = table("Hopper-v5", rows())
    assert "| 0.8 | sequential | 10.5 | 0.500 [" in text
    assert "| -0.375 [" in text
    assert text.splitlines()[-1].endswith("| 0.925 | beyond |")
    ratio = {"median": 1.25, "low": 1.2, "high": 1.3}
    assert "| linear | 9.00 | 1.25 [1.20, 1.30] |" in cost_table({"linear": {"milliseconds": 9.0, "ratio": ratio}})


def test_the_figure_has_a_panel_an_environment() -> None:
    figure = draw({"Pendulum-v1": rows(), "Hopper-v5": rows()})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Pendulum-v1", "Hopper-v5"]
    assert "Hopper-v5, ε = 0.8, sequential: 0.500" in figure.get_label()


def test_a_look_at_an_agent() -> None:
    (agent,) = trained("Pendulum-v1", (210,), seed=0, states=20)
    assert agent.observations.shape == (20, 3)
    before = th.get_rng_state()
    rules = {key: make_similarity_rule(key) for key in (ONE, "linear", "sequential")}
    found = look(agent, rules, (-0.5, 0.9), repeats=1, seed=3)
    assert th.equal(th.get_rng_state(), before)
    assert found.majority[-0.5, "linear"].tolist() == [1.0] * 20  # shifted is never negative
    assert found.evaluations[0.9, "linear"] == 1
    assert found.evaluations[0.9, ONE] == 100
    assert 10 <= found.evaluations[-0.5, "sequential"] < 12
    assert 0.9 <= found.same[0.9, "sequential"] <= 1.0
    counting = Counting(agent.states(th.Generator().manual_seed(0)))
    counting.values(th.zeros(3, 5, 1), th.arange(5))
    assert counting.evaluations == 3 * 5 / 20
