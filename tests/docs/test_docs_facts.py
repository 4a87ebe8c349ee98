"""What the pages say in tables, compared with the code."""

import ast
import csv
import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import gymnasium as gym
import pytest
import yaml
from doc_blocks import REPOSITORY, blocks
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.vec_env import VecNormalize

from sb3_entropy.algorithms.actors.algorithm import AsynchronousAlgorithm
from sb3_entropy.cli.main import main
from sb3_entropy.divergences import make_divergence
from sb3_entropy.divergences.kernels import make_kernel
from sb3_entropy.environments import ENV_GROUP
from sb3_entropy.presets import library as presets_library
from sb3_entropy.presets.check import ZOO_KEYS
from sb3_entropy.presets.library import preset_file, read_presets
from sb3_entropy.presets.names import ACTIVATIONS, OPTIMIZERS
from sb3_entropy.registry import (
    ACTION_DISTRIBUTIONS,
    ALGORITHMS,
    DIVERGENCES,
    FIGURES,
    JOBS,
    KERNELS,
    MEASURES,
    REFERENCES,
    REGISTRIES,
    SIMILARITY_RULES,
    STD_SCHEMES,
    Registry,
)
from sb3_entropy.regularizers.regularizer import Regularizer
from sb3_entropy.statistics.aggregates import iqm
from sb3_entropy.studies import evidence, library
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.criteria import Criterion
from sb3_entropy.studies.library import find_study, results_folder
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import Study, parse_study, read_study
from sb3_entropy.target_entropy import auto_target_entropy, max_entropy

DOCS = REPOSITORY / "docs"
OURS = [key for key, cls in ALGORITHMS.items() if cls.__module__.startswith("sb3_entropy.")]
OFF_POLICY = [key for key in OURS if issubclass(ALGORITHMS.get(key), SAC)]
WITH_ACTORS = [key for key in OURS if issubclass(ALGORITHMS.get(key), AsynchronousAlgorithm)]
PREVIOUS = {"divergence": "kl", "reference": "previous", "coef": 0.01}


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """:return: the cells of all table rows, without the lines that make a header of the row above"""
    lines = [line for line in text.splitlines() if line.startswith("|") and not re.match(r"\|[-:| ]+\|$", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


class Keys(KVWriter):
    def __init__(self) -> None:
        self.seen: set[str] = set()

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, Any], step: int = 0) -> None:
        self.seen |= {key for key in key_values if "tensorboard" not in (key_excluded.get(key) or ())}

    def close(self) -> None:
        """There is nothing to close."""


def documented_tags() -> set[str]:
    tags: set[str] = set()
    for cells in rows(read("getting_started.md").partition("## What TensorBoard shows")[2])[1:]:
        names = re.findall(r"`([^`]+)`", cells[0])
        stem = names[0].rpartition("_")[0]
        tags |= {name if "/" in name else stem + name for name in names}
    return tags


def as_documented(tag: str) -> str:
    """:return: the tag, with the keys of a regulariser's divergence and reference as they are called on the page"""
    divergences, references = ("|".join(things.keys()) for things in (DIVERGENCES, REFERENCES))
    return re.sub(rf"^train/({divergences})_({references})(?=(_coef)?$)", "train/<divergence>_<reference>", tag)


def test_every_tag_is_explained_and_every_explained_tag_is_written() -> None:
    written: set[str] = set()
    # KL(Gaussian ‖ uniform) is infinite; without a baseline there would be no value loss.
    own = {"policy_kwargs": {"action_distribution": "beta"}, "baseline": True}
    for key in OURS:
        cls = ALGORITHMS.get(key)
        env = VecNormalize(make_vec_env("Pendulum-v1", n_envs=2, seed=0))
        given: dict[str, Any] = {"n_steps": 128}
        if key in OFF_POLICY:
            # An episode has 200 steps; of the 256 the last ones learn.
            given = {"learning_starts": 450, "batch_size": 16, "regularizers": [PREVIOUS]}
        if "divergence" in inspect.signature(cls).parameters:
            given |= own
        model = cls("MlpPolicy", env, ent_coef="auto_0.05", seed=0, device="cpu", **given)
        keys = Keys()
        model.set_logger(Logger(None, [keys]))
        model.learn(512, log_interval=1)
        env.close()
        written |= keys.seen
        page = read(f"algorithms/{key}.md")
        of_its_own = {tag for tag in keys.seen if f"`{tag}`" in page}
        loss = "actor_loss" if key in OFF_POLICY else cls.policy_loss_key
        assert f"train/{loss}" in of_its_own or key == "strpo"
    assert {as_documented(tag) for tag in written} == documented_tags()


@pytest.mark.parametrize("key", OURS)
def test_arguments_of_ours_are_in_order_and_with_their_defaults(key: str) -> None:
    on_policy, off_policy = read("algorithms/index.md").split("### Arguments, off-policy")
    own_page = read(f"algorithms/{key}.md").partition("## Arguments")[2].partition("## Presets")[0]
    text = off_policy + own_page if key in OFF_POLICY else on_policy
    table = [cells for cells in rows(text) if len(cells) == 3 and cells[0].startswith("`")]
    parameters = inspect.signature(ALGORITHMS.get(key).__init__).parameters
    names = [cells[0].strip("`") for cells in table]
    assert names[0] == "ent_coef"
    assert [name for name in parameters if name in names[1:]] == names[1:]
    if key in OFF_POLICY:
        parents = inspect.signature(SAC.__init__).parameters
        assert set(parameters) - set(parents) == set(names) - {"ent_coef", "target_entropy"}
    for name, default, meaning in table:
        others = re.findall(r"default (?:is|are) `([^`]+)`", meaning)
        assert repr(parameters[name.strip("`")].default).replace("'", '"') in (default.strip("`"), *others), name


@pytest.mark.parametrize("key", WITH_ACTORS)
def test_arguments_of_actors_are_in_order_and_with_their_defaults(key: str) -> None:
    parameters = inspect.signature(ALGORITHMS.get(key).__init__).parameters
    pages = read("actors.md").partition("## Arguments of the family")[2], read(f"algorithms/{key}.md")
    text = pages[0].partition("## ")[0] + pages[1].partition("## Arguments")[2].partition("## ")[0]
    table = [cells for cells in rows(text) if len(cells) == 3 and cells[0].startswith("`")]
    on_policy = inspect.signature(ALGORITHMS.get("sa2c").__init__).parameters
    assert [cells[0].strip("`") for cells in table] == [name for name in parameters if name not in on_policy]
    for name, default, _ in table:
        assert repr(parameters[name.strip("`")].default).replace("'", '"') == default.strip("`"), name


@pytest.mark.parametrize("key", OURS)
def test_presets_are_listed(key: str) -> None:
    text = read(f"algorithms/{key}.md").partition("## Presets and logs")[2].partition("Log keys")[0]
    for env_id in read_presets(preset_file(key)):
        assert f"`{env_id}`" in text


def test_schemes_and_distributions_are_explained() -> None:
    first_cells = {cells[0].strip("`") for cells in rows(read("policies.md"))}
    ours = {key for things in (STD_SCHEMES, ACTION_DISTRIBUTIONS) for key, thing in things.items() if is_ours(thing)}
    assert ours <= first_cells
    estimators = {name for _, thing in ACTION_DISTRIBUTIONS.items() for name in thing.estimators}
    assert {f'"{name}"' for name in estimators} <= first_cells


@pytest.mark.parametrize(
    ("things", "page", "heading"),
    [
        (DIVERGENCES, "divergences.md", "## What they are"),
        (KERNELS, "divergences.md", "## Kernels"),
        (REFERENCES, "regularizers.md", "## References"),
        (SIMILARITY_RULES, "algorithms/sac_adaent.md", "### How it is found"),
    ],
)
def test_the_tables_of_keys_are_complete(things: Registry[Any], page: str, heading: str) -> None:
    table = section(page, heading)
    assert {cells[0].strip('`"') for cells in table[1:]} == {key for key, thing in things.items() if is_ours(thing)}


def test_bounds_and_options_are_those_of_the_code() -> None:
    for key, _, at_most, _ in section("divergences.md", "## What they are")[1:]:
        if "kernel" not in at_most and "as `mmd`" not in at_most:
            assert make_divergence(key.strip("`")).bounded == (at_most != "∞"), key
    for key, _, options, *_ in section("divergences.md", "## Kernels")[1:]:
        parameters = set(inspect.signature(KERNELS.get(key.strip("`"))).parameters)
        assert set(re.findall(r"`(\w+)`", options)) == parameters, key
        assert isinstance(make_kernel(key.strip("`")), KERNELS.get(key.strip("`")))
    for key, _, options in section("regularizers.md", "## References")[1:]:
        parameters = set(inspect.signature(REFERENCES.get(key.strip('`"'))).parameters)
        assert {name for name in parameters if f"`{name}`" in options} == parameters, key
    for name, default, _ in section("regularizers.md", "## Keys")[1:]:
        parameter = inspect.signature(Regularizer).parameters[name.strip("`")]
        assert (default == "–") == (parameter.default is parameter.empty), name
        assert default in ("–", f"`{parameter.default!r}`".replace("'", '"')), name


def section(page: str, heading: str) -> list[list[str]]:
    """:return: the rows of the first table under a heading"""
    text = re.split(r"\n## ", read(page).partition(f"\n{heading}\n")[2])[0]
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("|")), len(lines))
    return rows("\n".join(lines[start:end]))


def is_ours(thing: Any) -> bool:
    return str(thing.__module__).startswith("sb3_entropy.")


def test_every_group_of_entry_points_is_shown() -> None:
    groups = {*(things.group for things in REGISTRIES), ENV_GROUP, library.GROUP, presets_library.GROUP}
    shown = tomllib.loads(blocks(DOCS / "extending/packages.md", "toml")[0].text)
    assert set(shown["project"]["entry-points"]) == groups


def test_the_design_has_the_layers_that_the_linter_holds_to() -> None:
    page = read("design.md")
    shown = page.partition("## Layers")[2].partition("```text\n")[2].partition("```")[0]
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    # In parentheses stands what need not be there.
    held = [sorted(name for name in layer.split(" | ") if name[0] != "(") for layer in layers]
    assert [sorted(layer.split(" | ")) for layer in " ".join(shown.split()).split(" → ")] == list(filter(None, held))
    words = section("design.md", "## Ten words, ten places")
    assert len(words[1:]) == 10


def test_keys_and_names_of_presets_are_listed() -> None:
    text = read("cli.md").partition("## Presets")[2]
    for name in [*ZOO_KEYS, *ACTIVATIONS, *OPTIMIZERS]:
        assert f"`{name}`" in text


def test_the_table_of_target_entropies_is_right() -> None:
    table = [cells for cells in rows(read("temperature.md")) if cells[0].strip("`") in gym.registry]
    assert len(table) == 6
    for env_id, _, target, largest in table:
        space = gym.make(env_id.strip("`")).action_space
        for cell, value in ((target, auto_target_entropy(space)), (largest, max_entropy(space))):
            assert float(cell.split("=")[-1].replace("−", "-")) == pytest.approx(value, abs=5e-4)


def test_the_measures_and_figures_of_studies() -> None:
    text = read("studies.md")
    table = rows(text.partition("### Measures")[2].partition("###")[0])
    measures = {cells[0].strip("`"): cells[1] for cells in table[1:]}
    assert measures == {key: measure.unit for key, measure in MEASURES.items()}
    figures = set(re.findall(r"`(\w+)`", text.partition("### Figures")[2].partition("With options")[0]))
    assert set(FIGURES.keys()) <= figures


def test_the_kinds_of_runs() -> None:
    table = rows(read("studies.md").partition("### Kinds of runs")[2].partition("###")[0])
    assert {cells[0].strip("`") for cells in table[1:]} == set(JOBS.keys())


def test_the_keys_of_a_decision_and_of_a_study() -> None:
    text = read("studies.md")
    table = rows(text.partition("### The decision")[2].partition("###")[0])
    named = {name for cells in table[1:] for name in re.findall(r"`(\w+)`", cells[0])}
    assert named == set(Criterion.keys_and_meanings())
    for field in ("expect", "statistic"):
        assert all(f"`{value}`" in text for value in get_args(Criterion.model_fields[field].annotation))
    example = yaml.safe_load(text.partition("```yaml")[2].partition("```")[0])
    assert set(Study.keys_and_meanings()) - set(example) == {"question", "vec_env"}


def test_the_example_of_a_study_is_sound() -> None:
    text = read("studies.md").partition("```yaml")[2].partition("```")[0]
    assert len(check_study(Plan(parse_study("example", text, "docs/studies.md")))) == 60


def test_the_page_of_evidence_has_every_study_its_outcome_and_its_finding() -> None:
    """That the kept outcomes are those of the exported results, tests of the studies say, one by one."""
    kept = json.loads(evidence.TABLE.read_text())
    sections = {part.partition("\n")[0]: part for part in read("evidence.md").split("\n## ")[1:]}
    assert set(kept) <= set(sections)
    for name, said in kept.items():
        study = read_study(library.find_study(name))
        outcome = re.search(r"\*\*Verdict\.\*\* \S (\w+),", sections[name])
        assert outcome is not None, name
        assert outcome[1] == said["verdict"]["outcome"], name
        assert " ".join(study.finding.split()) in " ".join(sections[name].split()), name


@pytest.mark.slow  # its quick twin is above
def test_the_evidence_is_what_the_exported_results_say(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    again = f"make it again: sb3-entropy evidence -o docs/evidence.md --table {evidence.TABLE.relative_to(REPOSITORY)}"
    assert main(["evidence", "-o", str(tmp_path / "page"), "--table", str(tmp_path / "table")]) == 0
    assert capsys.readouterr().out.splitlines() == [str(tmp_path / "table"), str(tmp_path / "page")]
    assert (tmp_path / "page").read_text() == read("evidence.md"), again
    made, kept = (flat(json.loads(file.read_text())) for file in (tmp_path / "table", evidence.TABLE))
    # Another computer's arithmetic may differ in the last digits.
    assert made == {
        key: pytest.approx(value, nan_ok=True) if isinstance(value, float) else value for key, value in kept.items()
    }, again


def flat(tree: Any, *above: Any) -> dict[tuple[Any, ...], Any]:
    """All leaves of a tree of JSON, by their paths."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    if not inner:
        return {above: tree}
    return {path: leaf for key, below in inner for path, leaf in flat(below, *above, key).items()}


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_ten_lines_have_the_settings_and_the_returns_of_the_study(page: str) -> None:
    """They are an arm of pendulum_adaptive, whose ten seeds are quoted beside PPO's, and learn the task."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    block = blocks(REPOSITORY / page, "python")[0].text
    calls = {ast.unparse(node.func): node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)}
    given = {
        keyword.arg: ast.literal_eval(keyword.value)
        for name in ("make_vec_env", "dict", "SPPO")
        for keyword in calls[name].keywords
        if keyword.arg not in (None, "tensorboard_log")
    }
    known = read_study(find_study("pendulum_adaptive"))
    defaults = {p.name: p.default for p in inspect.signature(ALGORITHMS.get("sppo")).parameters.values()}
    wanted = {**defaults, "policy": "MlpPolicy", **given}
    asked = {v.label: Plan(known).asked_for[v.label, "Pendulum-v1"] for v in Plan(known).variants}
    (label,) = (label for label, one in asked.items() if {**defaults, **one["hyperparams"]} == wanted)
    assert ast.literal_eval(calls["model.learn"].args[0]) == asked[label]["timesteps"]
    with (results_folder(find_study("pendulum_adaptive"), "pendulum_adaptive") / "runs.csv").open(newline="") as file:
        runs = sorted(csv.DictReader(file), key=lambda row: int(row["seed"]))
    for arm in (label, "PPO"):
        returns = [float(row["final_return"]) for row in runs if row["arm"] == arm]
        quoted = [f"{value:.0f}".replace("-", "−") for value in (*returns, iqm(returns))]
        assert len(returns) == 10
        assert (" | ".join(quoted) if page == "README.md" else quoted[-1]) in text
        assert iqm(returns) > -300
