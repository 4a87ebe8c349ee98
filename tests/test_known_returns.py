"""What plugins say that is earned in their environments: sb3_entropy.known_returns."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

from sb3_entropy import environments
from sb3_entropy.cli.main import main
from sb3_entropy.known_returns import COLUMNS, Earned, known_returns, read_returns, summaries

Install = Callable[..., None]
HEADER = ",".join(COLUMNS)
RANDOM = "third/Maze-v0,size=5,random,random,0.125,,,20,0 to 19,,python -m third"
TABLE = f"""\
{HEADER}
{RANDOM}
third/Maze-v0,size=5 wind=1,random,random,-3,,,20,0 to 19,,python -m third
third/Maze-v0,size=5,trained,PPO,0.5,,,10,0,1500000,"train(ppo, 0)"
third/Maze-v0,size=5,trained,"SAC, ent_coef=0.2",0.75,0.5,1,10,0 to 4,20000,sb3-entropy study run maze
third/Maze-v0,size=5 wind=1,trained,"SAC, ent_coef=0.2",0.25,0.25,0.25,10,0 to 4,20500,sb3-entropy study run maze
third/Maze-v0,size=5,baseline,Follower,1,,,20,0 to 19,,python -m third
third/Maze-v0,size=9,baseline,Follower,-12345.5,,,20,0 to 19,,python -m third
third/Other-v0,,random,random,7,,,20,0 to 19,,python -m third
"""
MODULE = """
    import gymnasium as gym

    def register():
        gym.register("third/Maze-v0", "third.maze:Maze")
        gym.register("third/Bare-v0", "third.maze:Maze")
"""


@pytest.fixture
def plugin(install: Install, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a plugin with a table beside the others, and takes it away again."""
    monkeypatch.setattr(environments, "_plugin_envs", {})
    monkeypatch.setattr(environments, "_called", set())
    for name in ("third/Maze-v0", "third/Bare-v0"):
        monkeypatch.setitem(gym.registry, name, None)  # so that it is taken out when the test ends
        del gym.registry[name]
    monkeypatch.setitem(sys.modules, "third", None)
    del sys.modules["third"]

    def write(table: str) -> None:
        install({"third/__init__.py": MODULE, "third/returns.csv": table}, "[sb3_entropy.envs]\nmazes = third:register")

    return write


def test_what_a_plugin_says_is_listed_below_its_environment(
    plugin: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    plugin(TABLE)
    assert main(["list", "environments"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("  third/Maze-v0 "))
    shown = [line.split(maxsplit=1) for line in lines[start + 1 : start + 3]]
    assert shown == [
        ["size=5", "random -3 to 0.125, Follower 1, SAC 0.25 to 0.75 (20k or 20.5k steps)"],
        ["size=9", "Follower -12345.5"],
    ]
    bare = next(number for number, line in enumerate(lines) if line.startswith("  third/Bare-v0 "))
    assert lines[bare + 1].startswith("  third/Maze-v0 ")  # nothing is known of it
    assert not any("third/Other-v0" in line for line in lines)  # it is not registered
    assert any(line.startswith("  Returns are means") for line in lines)
    assert max(map(len, shown[0])) < 80


def test_nothing_of_a_plugin_is_imported_for_it(plugin: Callable[[str], None]) -> None:
    plugin(TABLE)
    found = known_returns()
    assert "third" not in sys.modules
    assert [earned.mean for earned in found["third/Maze-v0"]] == [0.125, -3, 0.5, 0.75, 0.25, 1, -12345.5]
    assert found["third/Other-v0"] == [
        Earned("third/Other-v0", "", "random", "random", 7.0, None, None, 20, "0 to 19", None, "python -m third")
    ]
    assert summaries(found["third/Other-v0"]) == [("", "random 7")]
    assert {earned.made_by for earned in found["third/Maze-v0"]} == {
        *("python -m third", "train(ppo, 0)", "sb3-entropy study run maze")
    }


def test_a_table_that_cannot_be_read_is_left_out_with_a_warning(plugin: Callable[[str], None]) -> None:
    plugin("environment,return\n")
    with pytest.warns(UserWarning, match=r"returns.csv must have the columns .*'environment,return'\. It is left out"):
        found = known_returns()
    assert "third/Maze-v0" not in found
    assert "entropy/Quadrotor-v0" in found  # the others are read all the same


def test_a_table_that_may_not_be_read_is_left_out_too(plugin: Callable[[str], None], monkeypatch: Any) -> None:
    plugin(TABLE)
    opened = Path.open

    def refuse(file: Path, *given: Any, **named: Any) -> Any:
        if "third" in file.parts:
            raise PermissionError(13, "Permission denied", str(file))
        return opened(file, *given, **named)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.warns(UserWarning, match=r"Permission denied: .*third/returns.csv'. It is left out"):
        assert "entropy/Quadrotor-v0" in known_returns()


def test_a_module_that_is_not_there_has_no_table(install: Install) -> None:
    install({"bad/__init__.py": "raise RuntimeError"}, "[sb3_entropy.envs]\none = not_there:register\ntwo = bad.x:go")
    assert "entropy/Quadrotor-v0" in known_returns()


def test_the_table_is_in_the_package_of_the_module(install: Install) -> None:
    files = {"lonely.py": "", "returns.csv": TABLE, "inside/__init__.py": "", "inside/envs.py": "raise RuntimeError"}
    install(files, "[sb3_entropy.envs]\nlonely = lonely:register\ninside = inside.envs:register")
    assert "third/Maze-v0" not in known_returns()  # what lies beside a single module may be anybody's
    install({"inside/returns.csv": TABLE}, "[sb3_entropy.envs]\ninside = inside.envs:register\nagain = inside:go")
    assert len(known_returns()["third/Maze-v0"]) == 7
    assert "inside.envs" not in sys.modules
    del sys.modules["inside"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (RANDOM.replace(",random,", ",lucky,", 1), "Unknown kind 'lucky'. Available: baseline, random, trained"),
        (RANDOM.replace("0.125", "much"), "could not convert string to float: 'much'"),
        (RANDOM.replace("0.125", "nan"), "return must be a number, but nan"),
        (RANDOM.replace("third/Maze-v0", " "), "environment is empty. Say it."),
        (RANDOM.replace("0 to 19", ""), "seeds is empty. Say it."),
        (RANDOM.replace(",20,", ",0,"), "episodes must be a whole number ≥ 1, but 0"),
        (RANDOM.replace(",,python", ",500,python"), "steps are those of a training, but kind is 'random'"),
        (RANDOM.replace(",random,", ",trained,", 1), "steps must be a whole number ≥ 1, but None"),
        (RANDOM.replace("0.125,,", "0.125,0.25,1"), "lowest must be a number ≤ 0.125, but 0.25"),
        (RANDOM.replace("0.125,,", "0.125,0,0.1"), "highest must be a number ≥ 0.125, but 0.1"),
        (RANDOM.replace("0.125,,", "0.125,0,"), "highest must be a number ≥ 0.125, but None"),
        (RANDOM + ", and more", "There must be 11 values. Put one that holds a comma in quotes."),
        (RANDOM[: RANDOM.rindex(",")], "There must be 11 values."),
        (RANDOM + "\n" + RANDOM, "third/Maze-v0, size=5, random stands twice. Take one of them out."),
    ],
)
def test_a_line_that_makes_no_sense_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "returns.csv"
    file.write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
    number = 2 + line.count("\n")
    with pytest.raises(ValueError, match=rf"returns\.csv, line {number}: ") as error:
        read_returns(file)
    assert message in str(error.value)


def test_what_is_no_table_is_named(tmp_path: Path) -> None:
    file = tmp_path / "returns.csv"
    file.write_bytes(HEADER.encode() + b"\n\xff\n")
    with pytest.raises(ValueError, match=r"returns\.csv is not a table of comma-separated values in UTF-8"):
        read_returns(file)
    file.write_text("")
    with pytest.raises(ValueError, match=r"must have the columns environment,.*, but its first line is ''"):
        read_returns(file)


def test_small_and_large_numbers_of_steps() -> None:
    told = [Earned("a", "", "trained", "PPO", 1, None, None, 1, "0", n, "x") for n in (999, 1000, 999_400, 2_500_000)]
    assert [summaries([one])[0][1] for one in told] == [
        *("PPO 1 (999 steps)", "PPO 1 (1k steps)", "PPO 1 (999k steps)", "PPO 1 (2.5M steps)")
    ]
