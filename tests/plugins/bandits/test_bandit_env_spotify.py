"""Songs for genres: contexts, rewards and the test set, counted and enumerated."""

from itertools import combinations

import numpy as np
import pytest
from bandit_examples import spotify_data
from sb3_entropy_bandits.data import SpotifyData
from sb3_entropy_bandits.env import BanditEnv
from sb3_entropy_bandits.tasks.spotify import listeners, spotify_task
from scipy.stats import chi2_contingency, chisquare


def test_rewards_are_signs_with_a_dead_zone() -> None:
    data = spotify_data()
    env = BanditEnv(spotify_task(data))
    genre_mean = sum(data.genres) / 20
    track_mean = sum(data.tracks) / 50
    paid = set()
    env.reset(seed=0)
    for seed in range(40):
        context, _ = env.reset(seed=seed)
        for track in range(0, 50, 7):
            score = sum(
                float((data.genres[genre] - genre_mean) @ (data.tracks[track] - track_mean))
                for genre in np.flatnonzero(context)
            )
            expected = 0.0 if abs(score) <= 0.1 else 1.0 if score > 0 else -1.0
            assert env.context_rewards[track] == expected
            paid.add(expected)
    assert paid == {-1.0, 0.0, 1.0}
    np.testing.assert_array_equal(env.action_features, data.tracks)


def test_every_set_of_one_to_four_genres_is_listed_once_with_its_probability() -> None:
    contexts, probabilities = listeners(6)
    sets = [tuple(np.flatnonzero(context)) for context in contexts]
    assert sorted(sets) == sorted(chosen for k in range(1, 5) for chosen in combinations(range(6), k))
    expected = {1: 1 / 4 / 6, 2: 1 / 4 / 15, 3: 1 / 4 / 20, 4: 1 / 4 / 15}
    np.testing.assert_allclose(probabilities, [expected[len(chosen)] for chosen in sets])
    assert probabilities.sum() == pytest.approx(1.0)
    assert len(listeners(20)[0]) == 6195


def test_contexts_are_distributed_as_drawn_one_by_one() -> None:
    # Against the recipe itself: k = int(20u) with u ~ U[.05, .25), then k distinct genres. Four chi-square tests at
    # 1e-5: a false alarm for 4e-5 of the seeds.
    task = spotify_task(spotify_data())
    drawn = task.train.values[task.train.draw(np.random.default_rng(1), 8000)]
    rng = np.random.default_rng(2)
    recipe = np.zeros((8000, 20))
    for row in recipe:
        row[rng.choice(20, int(20 * rng.uniform(0.05, 0.25)), replace=False)] = 1.0
    for sample in (drawn, recipe):
        assert chisquare(np.bincount(sample.sum(axis=1).astype(int), minlength=5)[1:]).pvalue > 1e-5
    assert chi2_contingency([drawn.sum(axis=0), recipe.sum(axis=0)]).pvalue > 1e-5
    pairs = [[((s[:, i] + s[:, i + 1]) == 2).sum() for i in range(19)] for s in (drawn, recipe)]
    assert chi2_contingency(pairs).pvalue > 1e-5


def test_the_test_set_is_the_same_for_everybody() -> None:
    task = spotify_task(spotify_data())
    env, other = BanditEnv(task), BanditEnv(spotify_task(spotify_data()), split="test")
    env.reset(seed=1)
    seen, rewards = env.evaluation_set()
    assert seen.shape == (10_000, 20)
    assert rewards.shape == (10_000, 50)
    assert seen.dtype == rewards.dtype == np.float32
    np.testing.assert_array_equal(other.evaluation_set()[0], seen)
    context, _ = other.reset(seed=0)
    assert (seen == context).all(axis=1).any()


def test_drift_moves_songs() -> None:
    data = spotify_data()
    plain = BanditEnv(spotify_task(data))
    moved = BanditEnv(spotify_task(data), drift={"kind": "abrupt", "at": 0})
    expected = np.roll(plain.evaluation_set(50)[1], 1, axis=1)
    np.testing.assert_array_equal(moved.evaluation_set(50)[1], expected)


def test_too_few_genres_or_tracks_are_named() -> None:
    data = spotify_data()
    few = SpotifyData(data.genres[:3], data.tracks, data.genre_names[:3], data.track_names, data.feature_names)
    with pytest.raises(ValueError, match="The number of genres must be a whole number between 4 and 64, but 3"):
        spotify_task(few)
    one = SpotifyData(data.genres, data.tracks[:1], data.genre_names, data.track_names[:1], data.feature_names)
    with pytest.raises(ValueError, match="The number of tracks must be a whole number ≥ 2, but 1"):
        spotify_task(one)
