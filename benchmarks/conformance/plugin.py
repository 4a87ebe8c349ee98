"""
The pytest plugin that puts our classes in the place of theirs before a test module is imported, and keeps count.

It runs in the process of each worker (pytest-xdist) and in the one that collects their reports.
"""

import functools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3.common.base_class import BaseAlgorithm

from benchmarks.conformance.selection import relevant_tests
from benchmarks.conformance.substitution import install, stock_classes, substitutes

NAME = "sb3-entropy-conformance"
#: what is noted on a test
NOTHING_MADE = {"made_one": False, "trained_fast": False}


def pytest_addoption(parser: pytest.Parser) -> None:
    """:param parser: pytest's parser of options"""
    group = parser.getgroup(NAME)
    group.addoption("--conformance-mode", help="which classes take the place of the stock ones")
    group.addoption("--conformance-result", type=Path, help="the JSON file in which the outcome is written")


def pytest_configure(config: pytest.Config) -> None:
    """:param config: pytest's configuration; test modules are imported after this"""
    mode = config.getoption("--conformance-mode")
    if mode:
        config.pluginmanager.register(Conformance(substitutes(mode), config), NAME)


class Conformance:
    """
    One run of a suite with some classes substituted.

    :param classes: the substitutes, by the name of the stock class
    :param config: pytest's configuration
    """

    def __init__(self, classes: dict[str, type], config: pytest.Config):
        self.classes = classes
        self.config = config
        self.trainings: Counter[str] = Counter()
        self.deselected = 0
        self.tests: dict[str, dict[str, Any]] = {}
        self._made_one = self._trained_fast = False
        self._watch()
        install(classes)

    def _watch(self) -> None:
        """Count calls of ``train``, and of the stock classes' own by anything that is not ours: that must stay 0."""
        ours = tuple(self.classes.values())
        for name, stock in stock_classes().items():
            if name not in self.classes:
                continue
            stock.train = self._counting(stock.train, f"stock {name}", lambda model: not isinstance(model, ours))
        for cls in ours:
            cls.train = self._counting(cls.train, cls.__name__, lambda _: True)
            cls.__init__ = self._noticing(cls.__init__)

    def _counting(self, train: Callable[..., Any], key: str, counts: Callable[[Any], bool]) -> Callable[..., Any]:
        @functools.wraps(train)
        def counted(model: Any, *args: Any, **kwargs: Any) -> Any:
            result = train(model, *args, **kwargs)
            self.trainings[key] += counts(model)
            self._trained_fast |= getattr(model, "_path", "") == "the fast path"
            return result

        return counted

    def _noticing(self, constructor: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(constructor)
        def construct(model: Any, *args: Any, **kwargs: Any) -> None:
            self._made_one = True
            constructor(model, *args, **kwargs)

        return construct

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """
        Leave out the tests that can touch none of the substituted classes: other algorithms, environments, tools.

        :param config: pytest's configuration
        :param items: the tests, of which some are taken away
        """
        ours = tuple(self.classes.values())
        by_file: dict[Path, set[str]] = {}
        kept, left_out = [], []
        for item in items:
            if item.path not in by_file:
                by_file[item.path] = relevant_tests(item.path.read_text(encoding="utf-8"), self.classes)
            params = getattr(getattr(item, "callspec", None), "params", {}).values()
            algorithms = [value for value in params if isinstance(value, type) and issubclass(value, BaseAlgorithm)]
            theirs = algorithms and not any(issubclass(value, ours) for value in algorithms)
            name = getattr(item, "originalname", item.name)
            (left_out if theirs or name not in by_file[item.path] else kept).append(item)
        items[:] = kept
        self.deselected = len(left_out)
        if left_out:
            config.hook.pytest_deselected(items=left_out)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Any:
        """Start a test with no model made."""
        self._made_one = self._trained_fast = False
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Any:
        """Note on a test's report whether it made one of our models, and whether one was trained on the fast path."""
        report = yield
        noted = {"made_one": self._made_one, "trained_fast": self._trained_fast}
        report.user_properties.append((NAME, noted))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """:param report: of one phase of a test: set-up, call or teardown"""
        begun = {"outcome": "passed", "message": "", "seconds": 0.0, **NOTHING_MADE}
        test = self.tests.setdefault(report.nodeid, begun)
        test["seconds"] += report.duration
        for key, value in report.user_properties:
            if key == NAME:
                test.update({name: test[name] or found for name, found in value.items()})
        if report.outcome != "passed" and test["outcome"] != "failed":
            test["outcome"] = report.outcome
            test["message"] = report.longreprtext

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """:param report: of a file that was collected, or could not be"""
        if report.failed:
            failed = {"outcome": "failed", "message": report.longreprtext, "seconds": 0.0, **NOTHING_MADE}
            self.tests[report.nodeid] = failed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """:param node: a worker that has ended, with the counts that it kept"""
        output = getattr(node, "workeroutput", {}).get(NAME, {})
        self.trainings.update(output.get("trainings", {}))
        self.deselected = max(self.deselected, output.get("deselected", 0))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """
        Hand the counts over: a worker to its controller, the controller to the file.

        :param session: pytest's session
        :param exitstatus: pytest's exit status
        """
        workeroutput = getattr(self.config, "workeroutput", None)
        if workeroutput is not None:
            workeroutput[NAME] = {"trainings": dict(self.trainings), "deselected": self.deselected}
            return
        result = {
            "tests": self.tests,
            "trainings": dict(self.trainings),
            "deselected": self.deselected,
            "exit_status": int(exitstatus),
        }
        self.config.getoption("--conformance-result").write_text(json.dumps(result, indent=1))
