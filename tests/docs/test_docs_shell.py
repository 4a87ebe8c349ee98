"""Every command line of the documentation is read by the real parser of its command, which then stops."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from doc_blocks import PAGES, REPOSITORY, blocks, command_lines, name_of

from sb3_entropy.cli.main import COMMANDS, main
from sb3_entropy.presets.check import check_preset
from sb3_entropy.presets.library import choose_preset, preset_file, read_presets
from sb3_entropy.registry import ALGORITHMS


class Read(BaseException):
    """Nothing was wrong with a command line. Not an Exception: the command line's own handlers let it through."""


@pytest.fixture
def stop_after_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    parse_args = argparse.ArgumentParser.parse_args

    def parse_and_stop(self: argparse.ArgumentParser, *args: Any, **kwargs: Any) -> None:
        parse_args(self, *args, **kwargs)
        raise Read

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)


def is_read(arguments: Sequence[str]) -> bool:
    try:
        main(arguments)
    except Read:
        return True
    return False


@pytest.mark.usefixtures("stop_after_parsing")
def test_command_lines_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    found = [line for page in PAGES for line in command_lines(page, "sb3-entropy")]
    assert len(found) >= 20
    for place, arguments in found:
        assert is_read(arguments), f"{place}\n{capsys.readouterr().err}"


@pytest.mark.usefixtures("stop_after_parsing")
@pytest.mark.parametrize(
    "wrong", ["train --algo spo", "train --alga sppo", "enjoy --vec-env dummy", "trian", "demo --stepz 1"]
)
def test_a_wrong_command_line_would_be_noticed(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_read(wrong.split())
    assert capsys.readouterr().err


def test_algorithms_and_environments_in_command_lines_exist() -> None:
    ours = ALGORITHMS.keys()
    for page in PAGES:
        for place, arguments in command_lines(page, "sb3-entropy"):
            if "--algo" in arguments and "--conf-file" not in arguments:
                algo, env = (arguments[arguments.index(option) + 1] for option in ("--algo", "--env"))
                if algo in ours:
                    file = preset_file(algo)
                    choose_preset(read_presets(file), env, "NoFrameskip" in env, f"{place}, {file}")


def test_make_targets_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):(?!=)", makefile, re.MULTILINE))
    for page in PAGES:
        named = {arguments[0] for _, arguments in command_lines(page, "make")}
        named |= set(re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")))
        assert named <= targets, f"{name_of(page)} names targets that the Makefile lacks"


def test_the_preset_of_the_command_line_page_is_valid() -> None:
    page = REPOSITORY / "docs" / "cli.md"
    (block,) = blocks(page, "yaml")
    for env_id, preset in yaml.safe_load(block.text).items():
        check_preset("sppo", ALGORITHMS.get("sppo"), preset, f"{block.place}, {env_id}")


def test_every_command_has_its_line() -> None:
    text = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text.partition("## train")[0], re.MULTILINE)) == set(COMMANDS)
    shown = {arguments[0] for _, arguments in command_lines(Path(REPOSITORY / "docs" / "cli.md"), "sb3-entropy")}
    assert shown == set(COMMANDS)
