"""What a user, or a reader, meets first: imports, constructors, docstrings, presets, pages."""

import ast
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

import sb3_entropy
from contracts.models import KEYS, OFF_POLICY, ON_POLICY, WITH_PARENT, arguments_of, stock_parent
from sb3_entropy.registry import ACTION_DISTRIBUTIONS, ALGORITHMS, STD_SCHEMES

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = Path(sb3_entropy.__file__).parent
HEAVY = (
    "matplotlib",
    "ray",
    "rl_zoo3",
    "mujoco",
    "envpool",
    "pandas",
    "optuna",
    "ale_py",
    "seaborn",
    "pydantic",
    "torch",
)

# What every algorithm of a family takes, in this order, after its parent's.
ON_POLICY_OURS = {
    "ent_coef": 0.01,
    "target_entropy": "auto",
    "ent_coef_lr": 2e-4,
    "soft_gradient": "entropy",
    "entropy_in_return": True,
    "entropy_in_improvement": True,
    "ent_coef_unit": "reward",
    "regularizers": None,
    "fast": "auto",
}
OFF_POLICY_OURS = {
    "ent_coef": "auto",
    "target_entropy": "auto",
    "actor_critic": "first",
    "use_target_actor": False,
    "use_target_critic": False,
    "ent_coef_gradient": "log_alpha",
    "ent_coef_lr": None,
    "soft_n_step": False,
    "regularizers": None,
    "fast": "auto",
}
OURS = {**dict.fromkeys(ON_POLICY, ON_POLICY_OURS), **dict.fromkeys(OFF_POLICY, OFF_POLICY_OURS)}


def test_importing_is_light() -> None:
    program = f"""
        import sys
        import sb3_entropy
        print(*(name for name in {HEAVY!r} if name in sys.modules))
        upper = ("sb3_entropy.zoo", "sb3_entropy.cli", "sb3_entropy.plots", "sb3_entropy_")
        print(*(name for name in sys.modules if name.startswith(upper)))
        """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
    assert run.stderr == ""


@pytest.mark.parametrize("key", WITH_PARENT)
def test_the_constructor_begins_with_the_parents(key: str) -> None:
    theirs = arguments_of(stock_parent(key))  # type: ignore[arg-type]
    ours = arguments_of(ALGORITHMS.get(key))
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].kind == parameter.kind
        if name != "ent_coef":
            assert ours[name].default == parameter.default, name
    later = [name for name in ours if name not in theirs]
    family = [name for name in OURS[key] if name not in theirs]
    assert later[: len(family)] == family[: len(later)]


@pytest.mark.parametrize("key", OURS)
def test_our_arguments_and_their_defaults(key: str) -> None:
    arguments, expected = arguments_of(ALGORITHMS.get(key)), OURS[key]
    # Where a divergence stands in the entropy's place, there is none by default.
    expected = {**expected, "ent_coef": 0.0} if "divergence" in arguments else expected
    # And where an argument may be another variant's, it is left open.
    expected = {**expected, "actor_critic": None} if "variant" in arguments else expected
    assert {name: arguments[name].default for name in expected} == expected
    assert [name for name in arguments if name in expected] == list(expected)
    assert list(arguments)[:2] == ["policy", "env"]
    documented = inspect.getdoc(ALGORITHMS.get(key)) or ""
    families = "".join(inspect.getdoc(cls) or "" for cls in ALGORITHMS.get(key).__mro__)
    assert len(documented) > 200
    for name in arguments.keys() - {"_init_setup_model"}:
        assert f":param {name}:" in families, name


@pytest.mark.parametrize("key", KEYS)
def test_the_methods_signatures_are_the_parents(key: str) -> None:
    algorithm = ALGORITHMS.get(key)
    assert key.replace("_", "") == algorithm.__name__.lower()
    reference = algorithm.__mro__[-1] if stock_parent(key) is None else stock_parent(key)
    for name in ("learn", "save", "load", "predict"):
        stock = getattr(reference, name, None)
        if stock is not None:
            assert list(inspect.signature(getattr(algorithm, name)).parameters) == list(
                inspect.signature(stock).parameters
            )


@pytest.mark.parametrize("key", KEYS)
def test_an_algorithm_is_exported_if_it_is_ours(key: str) -> None:
    algorithm = ALGORITHMS.get(key)
    if algorithm.__module__.startswith("sb3_entropy."):
        assert getattr(sb3_entropy, algorithm.__name__) is algorithm
        assert algorithm.__name__ in sb3_entropy.__all__


@pytest.mark.parametrize(
    "registry", [ALGORITHMS, STD_SCHEMES, ACTION_DISTRIBUTIONS], ids=lambda registry: registry.kind
)
def test_everything_that_is_registered_says_what_it_is(registry: object) -> None:
    for key, thing in registry.items():  # type: ignore[attr-defined]
        assert len((thing.__doc__ or "").strip()) > 40, key


def modules() -> list[Path]:
    """:return: our files"""
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_public_things_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    things = [
        node
        for node in tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_")
    ]
    without = [node.name for node in things if not ast.get_docstring(node)]
    if ast.get_docstring(tree) is None:
        without.append("the module")
    assert without == []


def ours(key: str) -> bool:
    """:return: whether the algorithm is this repository's"""
    return str(ALGORITHMS.get(key).__module__).startswith("sb3_entropy.")


ALL_OURS = [key for key in KEYS if ours(key)]


@pytest.mark.parametrize("key", ALL_OURS)
def test_has_presets(key: str) -> None:
    presets = yaml.safe_load((ROOT / "zoo_configs" / f"{key}.yml").read_text(encoding="utf-8"))
    continuous = {"Pendulum-v1", "MountainCarContinuous-v0", "Hopper-v5", "Walker2d-v5", "HalfCheetah-v5"}
    choices = {"CartPole-v1", "Acrobot-v1", "atari"} if key in ON_POLICY else set()
    assert continuous | choices <= presets.keys()


@pytest.mark.parametrize("key", ALL_OURS)
def test_has_a_page(key: str) -> None:
    page = (ROOT / "docs" / "algorithms" / f"{key}.md").read_text(encoding="utf-8")
    assert ALGORITHMS.get(key).__name__ in page
    assert len(page) > 300
