"""Which of a suite's files and tests can touch the classes that are substituted."""

import ast
from collections.abc import Collection
from pathlib import Path


def imported(source: str, names: Collection[str]) -> set[str]:
    """
    :param source: a test module's source
    :param names: the names of the stock classes
    :return: those that the module imports
    """
    return {
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in names
    }


def relevant_files(files: list[Path], names: Collection[str]) -> dict[Path, set[str]]:
    """
    :param files: a suite's test files
    :param names: the names of the stock classes
    :return: the files that import one of them, with those that they import
    """
    found = {path: imported(path.read_text(encoding="utf-8"), names) for path in files}
    return {path: classes for path, classes in found.items() if classes}


def relevant_tests(source: str, names: Collection[str]) -> set[str]:
    """
    The test functions whose text leads to one of the classes: in their decorators (parameters), their bodies, or those
    of the functions, fixtures, classes and constants of the same module that they name.

    :param source: a test module's source
    :param names: the names of the stock classes
    :return: the names of these functions
    """
    mentions: dict[str, set[str]] = {}
    for node in ast.parse(source).body:
        used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        used |= {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
        for name in _defined(node):
            mentions[name] = used
    reaching = set(names)
    while True:
        more = {name for name, used in mentions.items() if used & reaching} - reaching
        if not more:
            return {name for name in reaching if name in mentions and name.startswith("test")}
        reaching |= more


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {inner.id for target in node.targets for inner in ast.walk(target) if isinstance(inner, ast.Name)}
    return set()
