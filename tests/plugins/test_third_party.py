"""
A third party's plugin, from its source tree to an agent trained on it by the command line, in a virtual environment
that has never seen it. Beside it a broken plugin, which must be named and do no harm.
"""

import csv
import json
import os
import subprocess
import sys
import sysconfig
import textwrap
import venv
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from filelock import FileLock

# By way of a virtual environment of its own; single entry points are tested in the quick suite, packages put on a path.
pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]

THIRD = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"

        [project]
        name = "third-party-envs"
        version = "0.3"
        dependencies = ["sb3-entropy"]

        [project.entry-points."sb3_entropy.envs"]
        third = "third_party_envs:register"

        [project.entry-points."sb3_entropy.std_schemes"]
        halved = "third_party_envs.halved:HalvedStd"

        [project.entry-points."sb3_entropy.divergences"]
        chi_squared = "third_party_envs.chi_squared:ChiSquared"

        [project.entry-points."sb3_entropy.measures"]
        best_return = "third_party_envs.best_return:BEST_RETURN"

        [project.entry-points."sb3_entropy.studies"]
        third_study = "third_party_envs.studies"

        [project.entry-points."sb3_entropy.presets"]
        third = "third_party_envs.presets"
        """,
    "third_party_envs/presets/sppo.yml": """
        third/Env-v0:
          policy: MlpPolicy
          n_timesteps: 512
          n_steps: 32
          batch_size: 32
          n_epochs: 1
          ent_coef: auto_0.05
          policy_kwargs: {std_scheme: halved, net_arch: [16]}
        """,
    "third_party_envs/best_return.py": """
        from sb3_entropy.studies.measures import Glimpse, Measure

        def look(glimpse: Glimpse):
            return {"parameters": sum(p.numel() for p in glimpse.model.policy.parameters())}

        BEST_RETURN = Measure(
            "Highest return at any evaluation point.",
            "return",
            True,
            ("deterministic/return", "third/parameters"),
            lambda steps, returns, parameters: returns.max(),
            look,
            records={"third/parameters": "parameters"},
        )
        """,
    "third_party_envs/chi_squared.py": """
        from sb3_entropy.divergences import Divergence
        from sb3_entropy.distributions.laws import Gaussian

        class ChiSquared(Divergence):
            '''Σ (p − q)²/q for choices; for Gaussians of one σ, exp(Δ²/σ²) − 1.'''

            description = "chi-squared"
            bounded = False
            estimators = ()

            def closed_form(self, p, q):
                if isinstance(p, Gaussian):
                    return ((p.mean - q.mean) ** 2 / q.std**2).sum(-1).exp() - 1
                return (p.log_probs[0].exp() ** 2 / q.log_probs[0].exp()).sum(-1) - 1

            def estimate(self, p, q):
                raise ValueError("no estimator")

            def weights(self, log_p, log_q):
                return 2 * (log_p - log_q).exp()
        """,
    "third_party_envs/studies/third_study.yml": """
        claim: Entropy raises the best return on our environment.
        source: a third party
        environments: [third/Env-v0]
        timesteps: 128
        seeds: 2
        evaluation: {points: 2, episodes: 2}
        hyperparams: {n_steps: 32, batch_size: 32, n_epochs: 1, policy_kwargs: {net_arch: [8]}}
        arms:
          plain: {algo: ppo}
          soft: {algo: sppo, hyperparams: {ent_coef: 0.1, policy_kwargs: {std_scheme: halved}}}
        measures: [best_return]
        decision:
          - {measure: best_return, treatment: soft, control: plain, expect: greater}
        """,
    "third_party_envs/__init__.py": """
        import gymnasium as gym

        def register():
            gym.register("third/Env-v0", entry_point="third_party_envs.regulator:Regulator", max_episode_steps=20)
        """,
    "third_party_envs/regulator.py": """
        import os

        import gymnasium as gym
        import numpy as np

        class Regulator(gym.Env):
            observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
            action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)

            def reset(self, *, seed=None, options=None):
                super().reset(seed=seed)
                self.x = self.np_random.uniform(-2.0, 2.0)
                return np.array([self.x], np.float32), {}

            def step(self, action):
                self.x += float(action[0])
                return np.array([self.x], np.float32), -self.x**2, False, False, {"pid": os.getpid()}
        """,
    "third_party_envs/halved.py": """
        import math
        from sb3_entropy.distributions import StdScheme

        class HalvedStd(StdScheme):
            def forward(self, latent, log_std):
                return log_std - math.log(2.0)
        """,
}

BROKEN = {
    "pyproject.toml": """
        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"

        [project]
        name = "a-broken-plugin"
        version = "6.6"

        [project.entry-points."sb3_entropy.envs"]
        a_broken_one = "a_broken_plugin:register"
        """,
    "a_broken_plugin/__init__.py": """
        def register():
            raise RuntimeError("the licence server does not answer")
        """,
}

BROKEN_MESSAGE = (
    "The environment plugin 'a_broken_one' (a_broken_plugin:register, of a-broken-plugin 6.6) could not be loaded: "
    "RuntimeError: the licence server does not answer."
)

PRESETS = """
third/Env-v0:
  policy: MlpPolicy
  n_timesteps: 512
  n_envs: 2
  n_steps: 64
  batch_size: 64
  n_epochs: 2
  ent_coef: auto_0.05
  monitor_kwargs:
    info_keywords: [pid]
  policy_kwargs:
    std_scheme: halved
    net_arch: [16]

entropy/Gridworld-v0:
  policy: MlpPolicy
  n_timesteps: 800
  n_envs: 8
  n_steps: 50
  batch_size: 100
  n_epochs: 1
  env_kwargs:
    size: 3
"""


def training(env_id: str, vec_env: str) -> list[str]:
    """:return: the command line that trains on it, with its logs in ``logs_`` and the kind of VecEnv"""
    options = ["--conf-file", "presets.yml", "-f", f"logs_{vec_env}", "--vec-env", vec_env, "--seed", "3"]
    return ["train", "--algo", "sppo", "--env", env_id, *options]


TRAINED = "logs_dummy/sppo/third-Env-v0_1"
# Commands, and Python where it is a string, in the order in which one process does them: it takes longer to start than
# to do any. The first is where the broken plugin is named.
STEPS: dict[str, str | list[str]] = {
    "list": ["list"],
    "installed": "import sb3_entropy, third_party_envs; print(sb3_entropy.__file__, third_party_envs.__file__)",
    "train": training("entropy/Gridworld-v0", "native"),
    "trained": """
        from sb3_entropy import SPPO
        model = SPPO.load("logs_native/sppo/entropy-Gridworld-v0_1/entropy-Gridworld-v0.zip")
        print(model.num_timesteps, model.n_envs, model.observation_space.shape, len(model.ep_info_buffer) > 0)
        """,
    # What was saved by the console script is the agent that was asked for, with the third party's std scheme.
    "saved": f"""
        import numpy as np
        from sb3_entropy import SPPO
        model = SPPO.load("{TRAINED}/third-Env-v0.zip")
        policy = model.policy
        std = policy.get_distribution(policy.obs_to_tensor(np.zeros((1, 1), np.float32))[0]).distribution.stddev
        ratio = (std / policy.log_std.exp()).item()
        print(model.num_timesteps, type(policy.std_scheme).__module__, round(ratio, 6), model._n_updates)
        """,
    "constructor": """
        from sb3_entropy import SPPO
        model = SPPO("MlpPolicy", "third/Env-v0", n_steps=40, batch_size=40, n_epochs=1, seed=0).learn(80)
        print(model.num_timesteps, model.env.get_attr("spec")[0].id)
        """,
    "divergence": """
        from sb3_entropy import SPPO, DivergenceRegPG
        rule = dict(divergence="chi_squared", reference="previous", coef=0.1)
        model = SPPO("MlpPolicy", "third/Env-v0", n_steps=40, batch_size=40, regularizers=[rule], seed=0).learn(80)
        divergence, coef = model.regularizers[0].seen
        print(type(model.regularizers[0].divergence).__module__, divergence > 0, round(coef, 6))
        model = DivergenceRegPG("MlpPolicy", "CartPole-v1", divergence="chi_squared", seed=0).learn(100)
        print(model.divergence)
        """,
    "misspelt": ["train", "--algo", "sppo", "--env", "third/Enw-v0"],
    "studies": ["study", "list"],
    "study": ["study", "run", "third_study", "--engine", "serial"],
    "report": ["study", "report", "third_study"],
    "results": """
        import json, pandas, sqlite3
        results = pandas.read_sql("select * from results", sqlite3.connect("runs/studies.sqlite"))
        best = results[results.measure == "best_return"]
        runs = pandas.read_sql("select * from runs", sqlite3.connect("runs/studies.sqlite"))
        definition = json.loads(runs.definition[0])
        print(len(best), best.value.notna().all())
        print(definition["versions"]["third-party-envs"], definition["observers"]["best_return"])
        """,
}
SMALL = ["--seeds", "2", "-n", "64", "--alphas", "0.01", "--engine", "serial"]
COMPARED = "reports/compare_sppo_third-Env-v0/compare_sppo_third-Env-v0.yml"
LONGER_STEPS: dict[str, str | list[str]] = {
    "compare": ["compare", "--env", "third/Env-v0", "--preset", "own", *SMALL],  # the plugin's
    "again": ["study", "run", COMPARED, "--engine", "serial"],
    "in processes": [
        *("study", "run", "third_study", "--store", "of_two.sqlite"),
        "--engine",
        "process",
        "--workers",
        "2",
    ],
}
DO_THEM = """
    import io, json, sys, traceback
    from contextlib import redirect_stderr, redirect_stdout
    from pathlib import Path
    from sb3_entropy.cli.main import main

    said = {}
    for name, step in json.loads(Path("steps.json").read_text()).items():
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            try:
                code = main(step) if isinstance(step, list) else exec(step)
            except Exception:
                traceback.print_exc()
                code = 1
        said[name] = dict(args=step, returncode=code or 0, stdout=out.getvalue(), stderr=err.getvalue())
    Path(sys.argv[1]).write_text(json.dumps(said))
    """


Said = Mapping[str, CompletedProcess[str]]


class FreshEnvironment:
    """A virtual environment with sb3_entropy and both plugins installed, and a folder to work in."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lock = FileLock(f"{folder}.lock")
        self.bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.environ = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            self.environ.pop(name, None)

    def make(self) -> None:
        venv.create(self.folder / "venv", with_pip=False)
        # What is heavy (torch, Gymnasium, …) and pip come from the running interpreter. A .pth adds its folder, but
        # follows none of the .pth files in there: what is installed there in editable form is not importable here.
        own = sysconfig.get_path("purelib", vars={"base": str(self.folder / "venv")})
        (Path(own) / "heavy.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))

    def run(self, program: str, *args: str | Path) -> CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / program), *map(str, args)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def install(self, *sources: Path) -> None:
        offline = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed")
        done = self.run("python", "-m", "pip", "install", *offline, *sources)
        assert done.returncode == 0, done.stderr

    def train(self, vec_env: str) -> CompletedProcess[str]:
        return self.run("sb3-entropy", *training("third/Env-v0", vec_env))

    def once(self, name: str, steps: Mapping[str, str | list[str]]) -> Said:
        """:return: what each step ended with, and printed; they are done by whichever test asks first"""
        kept = self.folder / f"{name}.json"
        with self.lock:
            if not kept.exists():
                texts = {key: textwrap.dedent(step) if isinstance(step, str) else step for key, step in steps.items()}
                (self.folder / "steps.json").write_text(json.dumps(texts))
                done = self.run("python", "-c", textwrap.dedent(DO_THEM), kept)
                assert done.returncode == 0, done.stderr
        said: dict[str, dict[str, Any]] = json.loads(kept.read_text())
        return {key: CompletedProcess(**one) for key, one in said.items()}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    return folder


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> FreshEnvironment:
    """One for all processes of pytest-xdist: the first to come makes it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "third_party"
    fresh = FreshEnvironment(folder)
    with fresh.lock:
        if (folder / "presets.yml").exists():
            return fresh
        fresh.make()
        fresh.install(
            REPOSITORY,
            REPOSITORY / "plugins" / "gridworld",
            write(folder / "third", THIRD),
            write(folder / "broken", BROKEN),
        )
        (folder / "presets.yml").write_text(PRESETS)
    return fresh


@pytest.fixture(scope="session")
def trained(fresh: FreshEnvironment) -> CompletedProcess[str]:
    """How the console script trained on the third party's environment."""
    kept = fresh.folder / "trained.json"
    with fresh.lock:
        if not kept.exists():
            kept.write_text(json.dumps(vars(fresh.train("dummy")), default=str))
    return CompletedProcess(**json.loads(kept.read_text()))


@pytest.fixture(scope="session")
def said(fresh: FreshEnvironment, trained: CompletedProcess[str]) -> Said:
    """What each step ended with, and printed, after that training."""
    return fresh.once("said", STEPS)


def succeeded(done: CompletedProcess[str]) -> list[str]:
    """:return: the words that were printed"""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def test_it_is_the_installed_package_that_is_tested(fresh: FreshEnvironment, said: Said) -> None:
    found = succeeded(said["installed"])
    assert len(found) == 2
    assert all(Path(path).is_relative_to(fresh.folder / "venv") for path in found)
    assert not Path(sys.prefix).is_relative_to(fresh.folder)


def check_training(fresh: FreshEnvironment, done: CompletedProcess[str], vec_env: str, processes: int) -> None:
    succeeded(done)
    assert (done.stdout + done.stderr).count(BROKEN_MESSAGE) == 1  # named, once, and nothing else is the worse for it
    run = fresh.folder / f"logs_{vec_env}" / "sppo" / "third-Env-v0_1"
    episodes = [
        list(csv.DictReader(file.read_text().splitlines()[1:]))
        for file in (run / "0.monitor.csv", run / "1.monitor.csv")
    ]
    # 512 steps in two environments: 12 whole episodes of 20 steps in each, in one process or in two.
    assert [[episode["l"] for episode in one] for one in episodes] == [["20"] * 12] * 2
    assert len({episode["pid"] for one in episodes for episode in one}) == processes


def test_an_agent_is_trained_on_it_by_the_command_line(
    fresh: FreshEnvironment, trained: CompletedProcess[str], said: Said
) -> None:
    check_training(fresh, trained, "dummy", 1)
    assert succeeded(said["saved"]) == ["512", "third_party_envs.halved", "0.5", "8"]  # updates: 4 rollouts, 2 epochs


@pytest.mark.slow
def test_an_agent_is_trained_on_it_in_processes(fresh: FreshEnvironment) -> None:
    check_training(fresh, fresh.train("subproc"), "subproc", 2)


def test_our_own_plugin_is_trained_on_in_its_own_batch(said: Said) -> None:
    succeeded(said["train"])
    assert succeeded(said["trained"]) == ["800", "8", "(10,)", "True"]


def test_our_constructors_know_its_id(said: Said) -> None:
    assert succeeded(said["constructor"]) == ["80", "third/Env-v0"]


def test_its_divergence_is_found_by_its_name(said: Said) -> None:
    assert succeeded(said["divergence"]) == ["third_party_envs.chi_squared", "True", "0.1", "chi_squared"]


def test_the_list_shows_what_it_brings(said: Said) -> None:
    done = said["list"]
    succeeded(done)
    for name in ("third/Env-v0", "entropy/Gridworld-v0", "halved", "chi_squared", "global_clipped_local", "sppo"):
        assert name in done.stdout
    assert BROKEN_MESSAGE in done.stdout + done.stderr
    line = next(line for line in done.stdout.splitlines() if line.split()[:1] == ["third/Env-v0"])
    assert "plugin third; presets for sppo" in line


def test_an_unknown_id_is_answered_with_its_nearest(said: Said) -> None:
    done = said["misspelt"]
    assert done.returncode != 0
    assert "Did you mean 'third/Env-v0'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_its_study_is_run_and_reported_with_its_measure(fresh: FreshEnvironment, said: Said) -> None:
    succeeded(said["studies"])
    assert "third_study\n    not run yet" in said["studies"].stdout
    assert "liu2020_pendulum" in said["studies"].stdout  # ours come in the wheel
    succeeded(said["study"])
    assert "third_study: 4 runs, 512 steps" in said["study"].stdout
    succeeded(said["report"])
    page = (fresh.folder / "reports" / "third_study" / "index.html").read_text()
    assert "Entropy raises the best return on our environment." in page
    assert "best_return" in page
    assert succeeded(said["results"]) == ["4", "True", "0.3", "1"]


@pytest.mark.slow
def test_does_entropy_help_on_it(fresh: FreshEnvironment) -> None:
    said = fresh.once("compared", LONGER_STEPS)
    succeeded(said["compare"])
    page = (fresh.folder / "reports" / "compare_sppo_third-Env-v0" / "index.html").read_text()
    assert "Does entropy help sppo on third/Env-v0?" in page
    succeeded(said["again"])
    assert "0 runs, 0 steps, 1 at once; 8 were done before." in said["again"].stdout


@pytest.mark.slow
def test_its_study_is_run_in_processes(fresh: FreshEnvironment) -> None:
    done = fresh.once("compared", LONGER_STEPS)["in processes"]
    succeeded(done)
    assert "third_study: 4 runs, 512 steps, 2 at once" in done.stdout
