"""The kind of run that every study had at first: train one model from a seed, and look at it at fixed steps."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from sb3_entropy.environments import full_id, import_packages
from sb3_entropy.policies.looking import own_randomness
from sb3_entropy.presets.build import UNSUPPORTED, find_algorithm, make_envs, make_model
from sb3_entropy.presets.check import check_preset
from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.studies.identity import PROTOCOL, behaviour, behaviours, fast_that_counts, observers, versions
from sb3_entropy.studies.jobs.base import Cell, Job, Result, Surroundings, Task
from sb3_entropy.studies.schema import SEED_STRIDE
from sb3_entropy.studies.spec import Study, TrainArm
from sb3_entropy.studies.training import MODEL, SNAPSHOTS, look_at, train
from sb3_entropy.studies.training_settings import hyperparameters, training_length

#: measures that look at every run, whichever the study names
ALWAYS_OBSERVED = ("entropy", "outside_box")
#: curves of every run, besides those of the evaluations and of the training's log
OTHER_CURVES = ("policy/entropy", "policy/outside_box", "train/return", "train/steps")
#: of the evaluations, for every mode
_EVALUATED = ("return", "return_std", "length")


@JOBS.register("train")
class Train(Job):
    """Train one model from a seed, and evaluate it at evenly spaced steps."""

    settings = TrainArm
    study_keys = ("evaluation", "hyperparams", "timesteps", "vec_env")
    keeps: ClassVar[tuple[str, ...]] = (MODEL, SNAPSHOTS)

    def asked_for(self, cell: Cell) -> dict[str, Any]:
        study, arm, environment = cell.study, cell.variant.arm, cell.environment
        assert isinstance(arm, TrainArm)
        hyperparams = hyperparameters(study, cell.variant, environment)
        timesteps = training_length(study, environment, hyperparams)
        hyperparams.pop("n_timesteps", None)
        if not fast_that_counts(arm.algo, hyperparams.get("fast")):
            hyperparams.pop("fast", None)
        return {
            "algorithm": arm.algo,
            "environment": full_id(environment.env_id),
            "env_kwargs": environment.env_kwargs,
            "vec_env": study.vec_env,
            "hyperparams": hyperparams,
            "timesteps": timesteps,
            "evaluation": {
                key: sorted(value) if isinstance(value, tuple) else value for key, value in study.evaluation
            },
        }

    def definition(self, cell: Cell, asked: Mapping[str, Any]) -> dict[str, Any]:
        import_packages(cell.study.packages)
        algo, hyperparams = asked["algorithm"], asked["hyperparams"]
        raised = behaviours(algo, hyperparams)
        return {
            "protocol": PROTOCOL,
            "behaviour": behaviour(algo),
            **({"behaviours": raised} if raised else {}),
            **asked,
            "observers": observers({*ALWAYS_OBSERVED, *cell.study.measures}),
            "versions": versions(algo, cell.environment.env_id, hyperparams, cell.study.vec_env),
        }

    def check(self, cell: Cell) -> None:
        arm, hyperparams = cell.variant.arm, hyperparameters(cell.study, cell.variant, cell.environment)
        assert isinstance(arm, TrainArm)
        for key in UNSUPPORTED:
            if hyperparams.get(key):
                raise ValueError(f"{key} cannot be used in a study. Take it out.")
        timesteps = training_length(cell.study, cell.environment, hyperparams)
        algo, points = arm.algo, cell.study.evaluation.points
        given = {key: value for key, value in hyperparams.items() if key not in UNSUPPORTED}
        check_preset(algo, find_algorithm(algo), {**given, "n_timesteps": timesteps}, refused=UNSUPPORTED)
        if hyperparams.get("n_envs", 1) > SEED_STRIDE:
            raise ValueError(f"n_envs must be at most {SEED_STRIDE}, but {hyperparams['n_envs']} was given.")
        if points > timesteps:
            raise ValueError(f"evaluation: points must be at most timesteps, {timesteps}, but {points} was given.")

    def build(self, definition: Mapping[str, Any], look: bool) -> None:
        """
        :param definition: a run's
        :param look: whether its measures are to look at it too
        :raises Exception: if the environments or the model cannot be made, or a measure cannot look at them
        """
        env_id, hyperparams, env_kwargs = definition["environment"], definition["hyperparams"], definition["env_kwargs"]
        seeing = {key: MEASURES.get(key) for key in definition["observers"]}
        env = make_envs(env_id, hyperparams, 0, env_kwargs, kind=definition["vec_env"])
        try:
            model = make_model(definition["algorithm"], env, hyperparams, seed=0)
            if look:
                with own_randomness(0):
                    observations: Any = env.reset()
                    look_at(model, seeing, model.policy.obs_to_tensor(observations)[0], 0)
        finally:
            env.close()
        if definition["vec_env"] != "dummy":
            make_envs(env_id, hyperparams, 0, env_kwargs, n_envs=1, evaluation=True).close()

    def curves(self, study: Study) -> set[str]:
        observed = (MEASURES.get(name) for name in study.measures if name in MEASURES)
        return {
            *OTHER_CURVES,
            *study.evaluation.log,
            *(f"{mode}/{name}" for mode in study.evaluation.modes for name in _EVALUATED),
            *(curve for each in observed if each.observer is not None for curve in each.curves),
        }

    def length(self, definition: Mapping[str, Any]) -> int:
        return int(definition["timesteps"])

    def run(self, task: Task, surroundings: Surroundings) -> Iterator[Result]:
        for seed in task.seeds:
            yield train({**task.definition, "seed": seed}, surroundings, task.keep)
