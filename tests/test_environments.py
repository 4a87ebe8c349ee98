"""Environments of Gymnasium and of plugins by their ids: sb3_entropy.environments."""

import importlib
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import gymnasium as gym
import pytest

from sb3_entropy import environments
from sb3_entropy.environments import find_env, register_envs

Install = Callable[..., None]

ENV_MODULE = """
    import gymnasium as gym

    class Env(gym.Env):
        observation_space = gym.spaces.Discrete(1)
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return 0, {}

        def step(self, action):
            return 0, 0.0, True, False, {}

    """


def only(monkeypatch: pytest.MonkeyPatch, *entry_points: EntryPoint) -> None:
    """Have no entry points but these."""
    monkeypatch.setattr(environments, "entry_points", lambda group: [e for e in entry_points if e.group == group])


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test starts with no plugin called, and leaves Gymnasium's registry and the modules as they were."""
    monkeypatch.setattr(environments, "_plugin_envs", {})
    monkeypatch.setattr(environments, "_called", set())
    specs, modules = dict(gym.registry), set(sys.modules)
    yield
    gym.registry.clear()
    gym.registry.update(specs)
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_environments_of_every_plugin_are_registered_once(install: Install) -> None:
    register = 'def register():\n    gym.register("third/Env-v0", entry_point="third:Env")\n    calls.append(1)\n'
    install(
        {"third.py": textwrap.dedent(ENV_MODULE) + "calls = []\n" + register},
        "[sb3_entropy.envs]\nenvs = third:register",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = register_envs(), register_envs()
    assert first["envs"] == second["envs"] == ["third/Env-v0"]
    assert sys.modules["third"].calls == [1]
    assert gym.make("third/Env-v0").reset(seed=0) == (0, {})


def test_the_answer_can_be_changed_without_harm(install: Install) -> None:
    install(
        {"third.py": textwrap.dedent(ENV_MODULE) + 'def register():\n    gym.register("third/Env-v0", "third:Env")\n'},
        "[sb3_entropy.envs]\nenvs = third:register",
    )
    register_envs()["envs"].clear()
    assert register_envs()["envs"] == ["third/Env-v0"]


def test_a_plugin_that_also_registers_on_import_does_not_warn(install: Install) -> None:
    register = 'def register():\n    gym.register("third/Env-v0", entry_point="third:Env")\nregister()\n'
    install({"third.py": textwrap.dedent(ENV_MODULE) + register}, "[sb3_entropy.envs]\nenvs = third:register")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert register_envs()["envs"] == ["third/Env-v0"]


def test_a_plugin_that_was_imported_before_is_listed(install: Install) -> None:
    register = (
        'def register():\n    if "third/Env-v0" not in gym.registry:\n'
        '        gym.register("third/Env-v0", entry_point="third:Env")\nregister()\n'
    )
    install({"third.py": textwrap.dedent(ENV_MODULE) + register}, "[sb3_entropy.envs]\nenvs = third:register")
    importlib.import_module("third")
    assert register_envs()["envs"] == ["third/Env-v0"]


def test_a_plugin_whose_import_registers_anothers_is_called_too(install: Install) -> None:
    other = 'gym.register("other/Env-v0", entry_point="other:Env")\n'
    register = 'import other\ndef register():\n    gym.register("third/Env-v0", entry_point="third:Env")\n'
    install(
        {"other.py": textwrap.dedent(ENV_MODULE) + other, "third.py": textwrap.dedent(ENV_MODULE) + register},
        "[sb3_entropy.envs]\nenvs = third:register",
    )
    assert "third/Env-v0" in register_envs()["envs"]


def test_two_plugins_of_one_name_are_both_called(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    register = 'def register():\n    gym.register("{0}/Env-v0", entry_point="{0}:Env")\n'
    install({f"{name}.py": textwrap.dedent(ENV_MODULE) + register.format(name) for name in ("one", "two")})
    only(
        monkeypatch,
        EntryPoint("envs", "one:register", environments.ENV_GROUP),
        EntryPoint("envs", "two:register", environments.ENV_GROUP),
    )
    assert register_envs() == {"envs": ["one/Env-v0", "two/Env-v0"]}


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("def register():\n    raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("def enregister(): ...", "AttributeError: module 'broken' has no attribute 'register'"),
        ("register = 3", "TypeError: 'int' object is not callable"),
    ],
)
def test_a_broken_environment_plugin_takes_no_other_down(install: Install, source: str, error: str) -> None:
    register = 'def register():\n    gym.register("third/Env-v0", entry_point="third:Env")\n'
    install(
        {"broken.py": source, "third.py": textwrap.dedent(ENV_MODULE) + register},
        "[sb3_entropy.envs]\na_broken_one = broken:register\nz_sound_one = third:register",
    )
    with pytest.warns(UserWarning, match="environment plugin 'a_broken_one'") as warned:
        plugins = register_envs()
    assert f"(broken:register, of third 1.2) could not be loaded: {error}" in str(warned[0].message)
    assert plugins["a_broken_one"] == []
    assert plugins["z_sound_one"] == ["third/Env-v0"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        register_envs()


def test_what_is_no_id_is_handed_back() -> None:
    env = gym.make("CartPole-v1")
    assert find_env(env) is env
    assert find_env(None) is None


def test_an_id_that_gymnasium_knows_asks_no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(group: str) -> list[EntryPoint]:
        raise AssertionError("a plugin was asked")

    monkeypatch.setattr(environments, "entry_points", never)
    assert find_env("CartPole-v1") == "CartPole-v1"


def test_an_id_of_a_plugin_is_found(install: Install) -> None:
    register = 'def register():\n    gym.register("third/Env-v0", entry_point="third:Env")\n'
    install({"third.py": textwrap.dedent(ENV_MODULE) + register}, "[sb3_entropy.envs]\nenvs = third:register")
    assert find_env("third/Env-v0") == "third/Env-v0"
    assert isinstance(gym.make("third/Env-v0").unwrapped, sys.modules["third"].Env)


@pytest.mark.parametrize("env_id", ["CartPole", "unlisted/Env", "unlisted:unlisted/Env"])
def test_an_id_without_a_version_is_found_as_gymnasium_finds_it(install: Install, env_id: str) -> None:
    source = ENV_MODULE + '    gym.register("unlisted/Env-v3", entry_point="unlisted:Env")\n'
    install({"unlisted.py": source})
    importlib.import_module("unlisted")
    assert find_env(env_id) == env_id
    with pytest.warns(UserWarning, match="latest versioned environment"):
        spec = gym.make(env_id).spec
    assert spec is not None
    assert spec.version == (1 if env_id == "CartPole" else 3)


def test_an_id_that_names_its_module_imports_it(install: Install) -> None:
    install({"unlisted.py": ENV_MODULE + '    gym.register("unlisted/Env-v3", entry_point="unlisted:Env")\n'})
    assert find_env("unlisted:unlisted/Env-v3") == "unlisted:unlisted/Env-v3"
    assert "unlisted/Env-v3" in gym.registry


@pytest.mark.parametrize(
    ("env_id", "message"),
    [
        (
            "CartPol-v1",
            r"^Unknown environment 'CartPol-v1'\. .* \d+ ids: see `sb3-entropy list`\. Did you mean 'CartPole-v1'\?$",
        ),
        ("CartPole-v7", r"Unknown environment 'CartPole-v7'.*Did you mean 'CartPole-v1'\?"),
        ("Pendulum-v0", r"Unknown environment 'Pendulum-v0'.*Did you mean 'Pendulum-v1'\?"),
        ("third/Enw-v0", r"Unknown environment 'third/Enw-v0'.*Did you mean 'third/Env-v0'\?"),
        ("third:third/Enw-v0", r"Unknown environment 'third:third/Enw-v0'.*Did you mean 'third/Env-v0'\?"),
        ("§", r"Unknown environment '§'\. Gymnasium and the installed plugins know \d+ ids: see `sb3-entropy list`\.$"),
        ("", r"Unknown environment ''\."),
        (
            "nowhere:Env-v0",
            r"'nowhere:Env-v0' names the module 'nowhere'.*No module named 'nowhere'\. Install, or mend,",
        ),
        ("broken:Env-v0", r"'broken:Env-v0' names the module 'broken'.*RuntimeError: no licence\. Install, or mend,"),
    ],
)
def test_an_unknown_id_is_answered_with_the_nearest(install: Install, env_id: str, message: str) -> None:
    register = 'def register():\n    gym.register("third/Env-v0", entry_point="third:Env")\n'
    install(
        {
            "third.py": textwrap.dedent(ENV_MODULE) + register,
            "broken.py": "raise RuntimeError('no licence')",
        },
        "[sb3_entropy.envs]\nenvs = third:register",
    )
    with pytest.raises(ValueError, match=message):
        find_env(env_id)
