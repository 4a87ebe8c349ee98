"""Which actions are far from all that critics were made from."""

import numpy as np
import pytest

from sb3_entropy.landscape.q.distance import N_PAIRS, N_WIDE, far
from sb3_entropy.landscape.q.subject import Known

RNG = np.random.default_rng(0)


def test_what_was_never_tried_is_far_and_what_was_is_not() -> None:
    states = RNG.normal(size=(8000, 2))
    actions = np.where(RNG.random((8000, 1)) < 0.5, RNG.uniform(-1, -0.6, (8000, 1)), RNG.uniform(0.2, 1, (8000, 1)))
    known = Known(states, actions)
    asked = np.tile(np.array([-0.8, -0.2, 0.6])[None, :, None], (50, 1, 1))
    found = far(known, states[:50], asked)
    assert found.shape == (50, 3)
    assert found[:, 1].mean() > 0.8
    assert found[:, [0, 2]].mean() < 0.1
    assert far(known, np.full((1, 2), 6.0), asked[:1]).all()  # a state of its own
    own = far(known, states[:1000], actions[:1000, None])
    assert own.mean() < 0.03


def test_a_gap_in_dense_data_is_not_far() -> None:
    actions = np.delete(np.linspace(-1, 1, 3001), slice(1500, 1530))[:, None]
    known = Known(np.zeros((len(actions), 1)), actions)
    assert not far(known, np.zeros((1, 1)), np.linspace(-1, 1, 201)[None, :, None]).any()


def test_few_data_and_many() -> None:
    known = Known(np.zeros((3, 1)), np.array([[-1.0], [0.0], [1.0]]))
    assert far(known, np.zeros((1, 1)), np.zeros((1, 4, 1))).shape == (1, 4)
    many = Known(RNG.normal(size=(50_000, 1)), RNG.uniform(-1, 1, (50_000, 1)))
    assert many.nearness is many.nearness
    assert len(many.nearness._tree.data) == N_PAIRS
    wide = Known(RNG.normal(size=(50_000, 8)), RNG.uniform(-1, 1, (50_000, 1)))
    assert len(wide.nearness._tree.data) == N_WIDE


def test_known_reads_observations_if_it_knows_how() -> None:
    known = Known(RNG.normal(size=(500, 1)), RNG.uniform(-1, 1, (500, 1)), read=lambda seen: seen - 100)
    asked = np.zeros((2, 1, 1))
    assert known.far(np.array([[100.0], [200.0]]), asked)[:, 0].tolist() == [False, True]
    with pytest.raises(ValueError, match=r"must say what critics read of a state. Give features to far\(\) instead"):
        Known(known.features, known.actions).far(np.zeros((2, 1)), asked)
