"""``sb3-entropy probe q-landscape``: from an agent in a file to a page, and what is wrong with a command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stable_baselines3 import SAC, TD3

from sb3_entropy.cli import probe as probe_command
from sb3_entropy.cli.main import main
from sb3_entropy.cli.probe_options import Q_PROBES, folder_name, named_probe

QUICK = ["--updates", "5", "--refits", "2", "--episodes", "1", "--rollout-steps", "64", "--resolution", "9"]
Probe = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained agents, as Stable-Baselines3 saves them."""
    folder = tmp_path_factory.mktemp("zips")
    for cls in (SAC, TD3):
        model = cls("MlpPolicy", "Pendulum-v1", seed=0, policy_kwargs={"net_arch": [8]}, device="cpu", buffer_size=10)
        model.save(folder / f"{cls.__name__}.zip")
    return folder


@pytest.fixture
def probe(zips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Probe:
    monkeypatch.chdir(tmp_path)

    def probe(name: str, *options: Any) -> tuple[int, str, str]:
        arguments = ["probe", "q-landscape", str(zips / name), "--env", "Pendulum-v1", *QUICK, *map(str, options)]
        code = main(arguments)
        streams = capsys.readouterr()
        return code, streams.out, streams.err

    return probe


def test_from_a_zip_to_a_page(probe: Probe) -> None:
    code, out, err = probe("SAC.zip", "--n-states", 1, "--ent-coef", 0.3)
    assert code == 0, err
    assert out.startswith("q-landscape of SAC on Pendulum-v1, step 0.")
    assert out.count("where soft Q is greatest, plain Q is") == 1
    assert "Report: reports/probe_q-landscape_SAC/index.html" in out
    html = Path("reports/probe_q-landscape_SAC/index.html").read_text(encoding="utf-8")
    assert "could not be drawn" not in html
    assert "soft Q at α = 0.3" in html.replace("\N{NO-BREAK SPACE}", " ")
    assert "held-out episodes" in html  # of the calibration
    assert '<th scope="row">n states</th><td class="long">1</td>' in html
    assert "--ent-coef 0.3" in html


def test_a_deterministic_policy_has_no_critical_states(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("sb3_entropy.cli.q_options.subject_of_looker", None)  # nothing is fitted for nothing
        code, _, err = probe("TD3.zip")
    assert code == 2
    assert "no soft critics of this policy. Look at visited states, or name an α" in err


@pytest.mark.slow
def test_plain_q_alone(probe: Probe) -> None:
    code, out, _ = probe("TD3.zip", "--states", "visited", "--n-states", 1, "--folder", "elsewhere")
    assert code == 0
    assert "There are no soft critics of this policy: plain Q alone is drawn." in out
    assert Path("elsewhere/probe_q-landscape_TD3/index.html").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plane", "flat"], "must be one of principal, greedy, random, or two coordinates such as 0,3, but 'flat'"),
        (["--states", "criticl"], "invalid choice: 'criticl'"),
        (["--plane", "0,3"], "A coordinate of the action must be a whole number between 0 and 0, but 3 was given"),
        (["--resolution", 2], "resolution must be a whole number ≥ 3, but 2 was given"),
        (["--n-states", 0], "n_states must be a whole number ≥ 1, but 0 was given"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_played(
    probe: Probe, options: list[Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(*_: Any, **__: Any) -> None:
        raise AssertionError("played")

    monkeypatch.setattr("sb3_entropy.cli.q_options.subject_of_looker", play)
    code, _, err = probe("SAC.zip", *options)
    assert code == 2
    assert message in err


def test_probes_of_q_are_among_the_probes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["probe", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(key in said for key in Q_PROBES)
    assert main(["probe", "q-landscap"]) == 2
    assert "Did you mean 'q-landscape'?" in capsys.readouterr().err
    given: list[Any] = []
    monkeypatch.setattr(probe_command, "import_module", lambda name: given.append(name) or Runs(given))
    assert main(["probe", "misleading", "logs/sac/Pendulum-v1_1", "--episodes", "32"]) == 0
    assert given == ["sb3_entropy.cli.probe_misleading", ["logs/sac/Pendulum-v1_1", "--episodes", "32"]]


class Runs:
    """A module that notes what it is called with."""

    def __init__(self, given: list[Any]):
        self.given = given

    def run(self, arguments: list[str]) -> int:
        self.given.append(arguments)
        return 0


def test_pages_have_names_of_their_own(tmp_path: Path) -> None:
    run = tmp_path / "sac" / "Pendulum-v1_1"
    assert folder_name("q-landscape", [run], ["last"]) == "probe_q-landscape_sac_Pendulum-v1_1"
    assert folder_name("q-landscape", [run], ["best"]).endswith("_1_best")
    assert folder_name("q-landscape", [Path("a/b.zip")], ["last"]) == "probe_q-landscape_b"
    assert named_probe(["-h"]) is None
