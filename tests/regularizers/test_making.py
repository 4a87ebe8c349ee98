"""What is said of an option that does not stand where it belongs."""

from typing import Any

import pytest

from sb3_entropy import SPPO, DivergenceRegPG
from sb3_entropy.presets.check import check_preset
from sb3_entropy.regularizers.making import make_regularizers

MISPLACED: list[tuple[dict[str, Any], str]] = [
    (
        {"divergence": "mmd", "kernel": "rbf"},
        r"'kernel' is an option of divergence='mmd'. Give it there: divergence_kwargs=dict\(kernel=…\)\.",
    ),
    ({"divergence": {"divergence": "mmd"}, "kernel": "rbf"}, r"divergence_kwargs=dict\(kernel=…\)"),
    (
        {"divergence": "kl", "reference": "ema", "decay": 0.5},
        r"'decay' is an option of reference='ema'. Give it there: reference_kwargs=dict\(decay=…\)\.",
    ),
    ({"divergence": "kl", "decay": 0.5}, "Unknown key 'decay'"),
    ({"divergence": "kl", "kernel": "rbf"}, "Unknown key 'kernel'"),
    ({"divergence": "no_such", "kernel": "rbf"}, "Unknown key 'kernel'"),
]


@pytest.mark.parametrize(("given", "message"), MISPLACED)
def test_an_option_beside_its_divergence_or_reference_is_told_its_place(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"regularizers\[0\]: .*{message}"):
        make_regularizers([given])
    preset = {"policy": "MlpPolicy", "n_timesteps": 10}
    for algorithm, own in ((SPPO, {"regularizers": [given]}), (DivergenceRegPG, given)):
        with pytest.raises(ValueError, match=rf"(?s){message}.*It was given in file.yml"):
            check_preset("that", algorithm, {**preset, **own}, "file.yml")


def test_the_defaults_of_an_algorithm_have_options_too() -> None:
    with pytest.raises(ValueError, match=r"'n_samples' is an option of divergence='kl'.*dict\(n_samples=…\)"):
        check_preset("that", DivergenceRegPG, {"policy": "MlpPolicy", "n_timesteps": 10, "n_samples": 4}, "file.yml")


@pytest.mark.parametrize("form", ["key", "mapping"])
def test_a_mapping_is_as_good_as_a_key_and_options(form: str) -> None:
    given: dict[str, Any] = {
        "key": {"divergence": "mmd", "divergence_kwargs": {"kernel": "rbf_index"}, "reference": "ema"},
        "mapping": {"divergence": {"divergence": "mmd", "kernel": "rbf_index"}, "reference": {"reference": "ema"}},
    }[form]
    (rule,) = make_regularizers([given])
    assert rule.name == "mmd_ema"
