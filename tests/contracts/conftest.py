"""
Of what the asynchronous family inherits unchanged from the on-policy one, SIMPALA's tests are quick: SA3C's are the
same tests of the same code, and slow. What is its own is quick: updates, on both paths, entropies, what is saved.
"""

from pathlib import Path

import pytest

#: files about arguments and surroundings, which the family has from its parents
INHERITED = {
    *("test_boxes", "test_corners", "test_counting", "test_outside_box", "test_trying_rules"),
    *("test_compiled", "test_handed_over", "test_old_gym"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    twins = {item.nodeid for item in items if "simpala" in item.nodeid}
    for item in items:
        has_twin = "sa3c" in item.nodeid and item.nodeid.replace("sa3c", "simpala") in twins
        if has_twin and Path(item.path).stem in INHERITED:
            item.add_marker(pytest.mark.slow)
