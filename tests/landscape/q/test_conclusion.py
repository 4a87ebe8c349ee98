"""What a misleading score says in words."""

import numpy as np
import pytest

from sb3_entropy.landscape.q.calibration import Calibration
from sb3_entropy.landscape.q.conclusion import conclusion, decimals, distrust, errors_of
from sb3_entropy.landscape.q.misleading import Misleading

EPISODES = np.repeat(np.arange(8), 4)


def scored(excess: float, *, null: float = 0.02, spread: float = 0.001, refits: int = 3, **more: object) -> Misleading:
    """:return: of critics with a range of 10 everywhere; the excess varies between episodes by so much"""
    rng = np.random.default_rng(0)
    of_episodes = np.array([(-1) ** e for e in range(8)])[EPISODES] * spread * rng.uniform(1, 2)
    plain = np.full((refits, refits, 32), 10 * null) * ~np.eye(refits, dtype=bool)[:, :, None]
    return Misleading(
        name="SAC on Elsewhere-v0",
        soft_regret=plain + 10 * (excess + of_episodes),
        plain_regret=plain,
        ranges=np.full((refits, 32), 10.0),
        episodes=EPISODES,
        ent_coef=0.2,
        **more,  # type: ignore[arg-type]
    )


def calibration(error: float, spread: float = 1.0, random_first: bool = True) -> Calibration:
    """:return: of two critics, one above and one below the return plus the error"""
    returned = spread * np.tile([-1.0, 1.0], 10)
    predicted = returned + error + np.array([[0.5], [-0.5]])
    return Calibration(predicted, returned, np.full(20, random_first), np.arange(20))


@pytest.mark.parametrize(
    ("excess", "spread", "said"),
    [
        (
            0.4,
            0.01,
            "Entropy misleads this agent at α = 0.2: it gives up 40 % of the difference that actions can make (38",
        ),
        (0.03, 0.001, "Entropy misleads this agent a little at α = 0.2: by 3 %"),
        (0.06, 0.02, "Entropy misleads this agent at least a little at α = 0.2: by 6 %"),
        (0.0, 0.001, "Entropy does not mislead this agent at α = 0.2: at most 0.1"),
        (-0.2, 0.01, "Entropy does not mislead this agent at α = 0.2: at most 0 % of the difference"),
        (0.05, 0.2, "Whether entropy misleads this agent at α = 0.2 is not decided: the excess lies somewhere from −"),
    ],
)
def test_the_last_sentence_says_whether_it_does_by_how_much_and_how_sure(
    excess: float, spread: float, said: str
) -> None:
    sentence = scored(excess, spread=spread).sentences()[-1]
    assert sentence.startswith(said)
    assert "95 % sure" in sentence
    tries = [name for name in ("smaller α", "SACAdaEnt", "PPO") if name in sentence]
    assert tries == (["smaller α", "SACAdaEnt", "PPO"] if excess in (0.4, 0.06) else [])


def test_what_is_not_decided_asks_for_more() -> None:
    assert "(--refits) and more episodes (--episodes)" in conclusion(scored(0.05, spread=0.2))
    alone = scored(0.4)
    alone = Misleading(**{**vars_of(alone), "episodes": np.zeros(32, int)})
    assert "One episode does not tell how sure the excess of 40 % is. Play more: --episodes." in alone.sentences()[-1]
    assert "There is no interval" in " ".join(alone.sentences())


def vars_of(found: Misleading) -> dict[str, object]:
    return {name: getattr(found, name) for name in Misleading.__dataclass_fields__}


def test_critics_that_miss_the_returns_are_not_believed() -> None:
    bad = scored(0.4, calibration=calibration(6.0))
    assert (
        "miss the held-out returns of uniformly drawn actions by 6 (root mean square), and their range over the "
        "actions is 10" in distrust(bad)
    )
    assert bad.sentences()[-1].startswith("Whether entropy misleads this agent cannot be told from these critics")
    assert "--updates" in bad.sentences()[-1]
    # neither an error below half of the range, nor one that is small beside what returns differ by
    assert distrust(scored(0.4, calibration=calibration(4.0))) == ""
    assert distrust(scored(0.4, calibration=calibration(6.0, spread=30.0))) == ""
    assert distrust(scored(0.4)) == ""


def test_fits_that_do_not_agree_are_not_believed_unless_the_excess_is_shown_nevertheless() -> None:
    assert distrust(scored(0.0, null=0.3)) == "two plain fits give up 30 % of the range to each other"
    assert distrust(scored(0.2, null=0.3)) == ""
    assert distrust(scored(0.0, null=0.2)) == ""


def test_constant_returns_that_are_missed_are_not_believed_either() -> None:
    missed = scored(0.0, calibration=calibration(6.0, spread=0.0))
    assert "miss the held-out returns of uniformly drawn actions by 6 (root mean square)" in distrust(missed)
    assert distrust(scored(0.0, calibration=calibration(4.0, spread=0.0))) == ""


NOTHING = Calibration(np.zeros((3, 0)), np.zeros(0), np.zeros(0, bool), np.zeros(0, int))


@pytest.mark.parametrize("excess", [0.4, 0.03, 0.06, 0.0])
def test_a_verdict_says_what_it_rests_on(excess: float) -> None:
    vouched = conclusion(scored(excess, calibration=calibration(0.5)))
    assert "with care" not in vouched
    assert "95 % sure)" in vouched
    for unknown in (None, NOTHING):
        assert "with care: no held-out returns vouch for its critics." in conclusion(
            scored(excess, calibration=unknown)
        )
    own = conclusion(scored(excess, refits=2, are_own=True, calibration=calibration(0.5)))
    assert "with care: its critics are the agent's own, which are not independent, so that the excess is too" in own
    assert "95 % sure of other episodes, not of other fits)" in own
    assert "SACAdaEnt" not in own
    two = conclusion(scored(excess, refits=2, calibration=calibration(0.5)))
    assert "with care" not in two
    assert "95 % sure of other episodes, not of other fits)" in two


def test_where_actions_make_no_difference_that_is_said() -> None:
    flat = Misleading(**{**vars_of(scored(0.0, null=0.0, spread=0.0)), "ranges": np.zeros((3, 32))})
    assert conclusion(flat).startswith("By these critics actions make no difference here")


def test_errors_are_those_of_uniform_actions() -> None:
    uniform = np.arange(30) < 10
    returned = np.where(uniform, np.tile([1.0, 3.0], 15), 0.0)
    predicted = returned + np.where(uniform, 0.5, 9.0) + np.array([[1.0], [-1.0]])
    missed, explained = errors_of(Calibration(predicted, returned, uniform, np.arange(30)))
    assert (missed, explained) == (pytest.approx(0.5), pytest.approx(1 - 0.25 / 1))
    assert np.isnan(errors_of(Calibration(predicted, returned, np.arange(30) < 9, np.arange(30)))).all()
    missed, explained = errors_of(calibration(1.0, spread=0.0))
    assert missed == 1.0
    assert np.isnan(explained)


def test_critics_that_may_be_unrelated_to_returns_are_not_believed() -> None:
    rng = np.random.default_rng(0)
    returned, noise = rng.normal(size=(2, 40))
    unrelated = Calibration(np.tile(noise, (2, 1)), returned, np.full(40, True), np.arange(40))
    assert distrust(scored(0.4, calibration=unrelated)) == (
        "they may be unrelated to the held-out returns of uniformly drawn actions"
    )
    few = Calibration(np.tile(noise[:9], (2, 1)), returned[:9], np.full(9, True), np.arange(9))
    assert distrust(scored(0.4, calibration=few)) == ""


def test_the_calibration_is_told() -> None:
    said = " ".join(scored(0.4, calibration=calibration(0.5)).sentences())
    assert (
        "Plain Q misses the held-out returns of uniformly drawn actions by 0.5 (root mean square, which explains 75 % "
        "of their variance), beside a mean range over the actions of 10." in said
    )
    said = " ".join(scored(0.4, calibration=calibration(0.5, spread=0.0)).sentences())
    assert "by 0.5 (root mean square), beside a mean range over the actions of 10." in said
    said = " ".join(scored(0.4, calibration=calibration(0.5, random_first=False)).sentences())
    assert "Whether the critics are right is not known: there are 0 held-out returns of uniformly drawn actions" in said
    assert "Entropy misleads" in said


def test_what_the_intervals_cover_is_told() -> None:
    assert "of other fits, of which there are 3 of a kind. They cover no other training" in " ".join(
        scored(0.4).sentences()
    )
    two = " ".join(scored(0.4, refits=2).sentences())
    assert "of other episodes of this policy alone. Two critics of a kind do not tell how others would differ" in two
    own = " ".join(scored(0.4, refits=2, are_own=True).sentences())
    assert "The agent's own 2 critics of a kind learn towards one target" in own
    assert "not independent: the null shows less noise than there is, and the excess is too great by that" in own
    assert "in 32 visited states of 8 episodes the actions where its soft critics (α = 0.2)" in own


def test_the_numbers_are_those_of_the_sentences() -> None:
    found = scored(0.4)
    numbers = found.numbers()
    assert numbers["score"] == pytest.approx(0.42)
    assert numbers["null"] == pytest.approx(0.02)
    assert numbers["excess"] == pytest.approx(0.4)
    assert numbers["excess_low"] < 0.4 < numbers["excess_high"]
    assert numbers["regret"] == pytest.approx(4.2)
    assert numbers["range"] == 10
    assert (numbers["states"], numbers["episodes"], numbers["critics"], numbers["ent_coef"]) == (32, 8, 3, 0.2)
    assert decimals(-0.12345) == "−0.123"
