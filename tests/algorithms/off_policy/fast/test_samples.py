"""Critics at many actions in each state, by the units that switch, against their own modules."""

from typing import Any

import pytest
import torch as th
from torch import nn

from sb3_entropy.algorithms.common.affine import Room
from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.off_policy.fast import samples as module
from sb3_entropy.algorithms.off_policy.fast.critics import StackedCritics
from sb3_entropy.algorithms.off_policy.fast.samples import SampledCritic, Samples
from sb3_entropy.algorithms.off_policy.similarity.cosine import similarity

N_STATES, N_FEATURES = 30, 5


def critics(n_actions: int, widths: tuple[int, ...], activation: type[nn.Module] = nn.ReLU) -> list[nn.Sequential]:
    """:return: four of one shape, of a fixed seed"""
    with th.random.fork_rng(devices=[]):
        th.manual_seed(2)
        networks = []
        for _ in range(4):
            sizes = (N_FEATURES + n_actions, *widths)
            layers: list[nn.Module] = []
            for n_in, n_out in zip(sizes, widths, strict=False):
                layers += [nn.Linear(n_in, n_out), activation()]
            networks.append(nn.Sequential(*layers, nn.Linear(sizes[-1], 1)))
    return networks


def asked(n_actions: int, n_samples: int, spread: float = 0.4) -> Samples:
    """:return: states of unequal size, the first at the origin, and actions around one in each"""
    generator = th.Generator().manual_seed(3)
    states = th.randn((N_STATES, N_FEATURES), generator=generator) * th.linspace(0, 4, N_STATES).unsqueeze(1)
    mean = 0.3 + 0.8 * th.randn((N_STATES, n_actions), generator=generator)
    return Samples(states, th.tanh(mean + spread * th.randn((n_samples, *mean.shape), generator=generator)))


def exact(network: nn.Sequential, samples: Samples) -> th.Tensor:
    """:return: Q(s, a) by the network itself in double precision, shape (N, B)"""
    rows = th.cat([samples.states.expand(samples.n_samples, -1, -1), samples.actions], 2).double()
    for layer in network:
        rows = rows @ layer.weight.double().t() + layer.bias.double() if isinstance(layer, nn.Linear) else layer(rows)
    return rows.squeeze(2).detach()


def evaluated(networks: list[nn.Sequential], samples: Samples, dtype: th.dtype = th.float32) -> list[th.Tensor]:
    """:return: Q(s, a) of each"""
    flat = FlatParameters(p for network in networks for p in network.parameters())
    stacked, room = StackedCritics(networks, flat), Room()
    with th.no_grad():
        return [
            SampledCritic(stacked, critic, samples.n_actions, dtype, room).evaluate(samples).clone()
            for critic in range(len(networks))
        ]


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing costs time but products, so that small networks are asked by what switches, too."""
    for name in ("UNIT", "GATHERED_UNIT", "STATE", "CALL"):
        monkeypatch.setattr(module, name, 0)


class Asked:
    """How many states were evaluated by what switches, and how many anyhow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.switching = self.all = 0
        of_all, of_switching = SampledCritic.evaluate_all, SampledCritic._evaluate_switching

        def evaluate_all(critic: SampledCritic, samples: Samples) -> th.Tensor:
            self.all += samples.n_states
            return of_all(critic, samples)

        def evaluate_switching(critic: SampledCritic, samples: Samples, chosen: th.Tensor, *others: Any) -> th.Tensor:
            self.switching += len(chosen)
            return of_switching(critic, samples, chosen, *others)

        monkeypatch.setattr(SampledCritic, "evaluate_all", evaluate_all)
        monkeypatch.setattr(SampledCritic, "_evaluate_switching", evaluate_switching)


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("widths", [(24, 17), (20, 12, 9)], ids=["two layers", "three"])
@pytest.mark.parametrize("n_actions", [1, 6])
def test_what_switches_says_all(n_actions: int, widths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """In some states by the switching units, in others by all; and in chunks of another size."""
    networks, samples = critics(n_actions, widths), asked(n_actions, 200, spread=0.1)
    expected = [exact(network, samples) for network in networks]
    how = Asked(monkeypatch)
    monkeypatch.setattr(module, "CHUNK", 700 * widths[0])
    monkeypatch.setattr(module, "PAYS", {1: 0.3, 6: 0.8}[n_actions])
    found = evaluated(networks, samples)
    assert how.switching + how.all == 4 * N_STATES
    assert how.all > 0
    assert how.switching > N_STATES
    for ours, theirs in zip(found, expected, strict=True):
        assert float((ours - theirs).abs().max() / theirs.abs().max()) < 3e-6
    sims = [similarity(th.stack(values).view(2, 2, *values[0].shape)) for values in (found, expected)]
    clear = (sims[1] - 0.9).abs() > 1e-4
    assert 0 < int((sims[1] > 0.9).sum()) < N_STATES
    assert th.equal((sims[0] > 0.9)[clear], (sims[1] > 0.9)[clear])


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize("kind", ["on", "off", "switching"])
def test_all_units_alike(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    networks, samples = critics(2, (24, 17)), asked(2, 200)
    samples.actions = samples.actions[:, 4:5].expand(-1, N_STATES, -1)
    with th.no_grad():
        for network in networks:
            weight, bias = network[0].weight, network[0].bias
            if kind == "switching":  # zero at the mean of the actions, in every state
                weight[:, :N_FEATURES] = 0
                bias.copy_(-weight[:, N_FEATURES:] @ samples.actions[:, 0].mean(0))
            else:
                bias.fill_(40.0 if kind == "on" else -40.0)
    expected = [exact(network, samples).float() for network in networks]
    how = Asked(monkeypatch)
    th.testing.assert_close(evaluated(networks, samples), expected, rtol=1e-5, atol=3e-6)
    assert (how.switching, how.all) == ((0, 4 * N_STATES) if kind == "switching" else (4 * N_STATES, 0))
    monkeypatch.setattr(module, "PAYS", 2.0)
    th.testing.assert_close(evaluated(networks, samples), expected, rtol=1e-5, atol=3e-6)
    assert how.switching == 4 * N_STATES * (1 if kind == "switching" else 2)
    if kind == "off":
        assert all(th.equal(values, values[:1].expand_as(values)) for values in evaluated(networks, samples))


@pytest.mark.usefixtures("free")
@pytest.mark.parametrize(
    ("widths", "activation", "n_samples"),
    [
        ((24,), nn.ReLU, 200),
        ((), nn.ReLU, 200),
        ((24, 17), nn.Tanh, 200),
        ((24, 17), nn.ReLU, 1),
        ((24, 17), nn.ReLU, module.FEWEST - 1),
    ],
    ids=["one layer", "none", "Tanh", "one sample", "few samples"],
)
def test_where_it_does_not_pay_nothing_is_asked(
    widths: tuple[int, ...], activation: type[nn.Module], n_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks, samples = critics(2, widths, activation), asked(2, n_samples)
    how = Asked(monkeypatch)
    for ours, network in zip(evaluated(networks, samples), networks, strict=True):
        th.testing.assert_close(ours.double(), exact(network, samples), rtol=1e-5, atol=3e-6)
    assert (how.switching, how.all) == (0, 4 * N_STATES)


@pytest.mark.parametrize(
    ("widths", "n_states", "spread", "pays"),
    [
        ((32, 32), N_STATES, 0.1, False),
        ((256, 256), 1, 0.1, False),
        ((256, 256), N_STATES, 0.1, True),
        ((256, 256), 6, 9.0, False),
        ((300, 8), N_STATES, 0.5, False),
    ],
    ids=["small layers", "one state", "large layers", "most units switch", "a small second layer"],
)
def test_where_more_is_done_beside_the_products_than_saved_nothing_is_asked(
    widths: tuple[int, ...], n_states: int, spread: float, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks, samples = critics(2, widths), asked(2, 100, spread)
    samples = samples.some(th.arange(n_states))
    how = Asked(monkeypatch)
    for ours, network in zip(evaluated(networks, samples), networks, strict=True):
        th.testing.assert_close(ours.double(), exact(network, samples), rtol=1e-5, atol=3e-6)
    assert how.switching + how.all == 4 * n_states
    assert how.switching == 0 if not pays else how.switching > 2 * n_states


@pytest.mark.usefixtures("free")
def test_a_large_batch_takes_the_room_of_some_states(monkeypatch: pytest.MonkeyPatch) -> None:
    networks, samples, room = critics(2, (24, 17)), asked(2, 200, spread=0.1), Room()
    flat = FlatParameters(p for network in networks for p in network.parameters())
    critic = SampledCritic(StackedCritics(networks, flat), 1, 2, th.float32, room)
    how = Asked(monkeypatch)
    monkeypatch.setattr(module, "STATES", 7)
    th.testing.assert_close(critic.evaluate(samples).double(), exact(networks[1], samples), rtol=1e-5, atol=3e-6)
    assert how.switching > 3 * 7
    assert len(room._tensors["on"]) == 7 * 3 * 24


def test_cheaper_products_save_less(monkeypatch: pytest.MonkeyPatch) -> None:
    networks, samples, asked_for = critics(6, (256, 256)), asked(6, 100, spread=0.6), []
    for dtype in (th.float32, th.bfloat16):
        with monkeypatch.context() as patch:
            how = Asked(patch)
            patch.setattr(module, "CALL", 0)
            evaluated(networks, samples, dtype)
            asked_for.append(how.switching)
    assert asked_for[0] > asked_for[1] > 0


@pytest.mark.parametrize("widths", [(8, 24), (24, 8), (3, 4, 24)])
def test_a_chunk_is_as_many_rows_as_the_widest_layer_lets_be(
    widths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    networks, samples = critics(2, widths), asked(2, 100)
    whole = evaluated(networks, samples)
    monkeypatch.setattr(module, "CHUNK", 24 * 2 * N_STATES + 23)
    lengths = []
    behind = SampledCritic._behind

    def counted(critic: SampledCritic, x: th.Tensor, first: int) -> th.Tensor:
        lengths.append(len(x))
        return behind(critic, x, first)

    monkeypatch.setattr(SampledCritic, "_behind", counted)
    th.testing.assert_close(evaluated(networks, samples), whole, rtol=1e-5, atol=3e-6)
    assert lengths == [2 * N_STATES] * 200  # of 100 samples two at once, four critics


@pytest.mark.usefixtures("free")
def test_the_other_way_is_as_rough_in_low_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    networks, samples = critics(3, (40, 30)), asked(3, 100)
    of_switching = evaluated(networks, samples, th.bfloat16)
    monkeypatch.setattr(module, "PAYS", 0.0)
    of_all = evaluated(networks, samples, th.bfloat16)
    for found, plain, network in zip(of_switching, of_all, networks, strict=True):
        expected = exact(network, samples)
        error, other = ((q - expected).abs().max() / expected.abs().max() for q in (found, plain))
        assert 0 < error < 0.02
        assert 0 < other < 0.02
        assert not th.equal(found, plain)


@pytest.mark.usefixtures("free")
def test_what_is_no_number_stays_none() -> None:
    networks, samples = critics(2, (24, 17)), asked(2, 200)
    with th.no_grad():
        networks[1][0].bias[3] = float("nan")
    found = evaluated(networks, samples)
    assert found[1].isnan().all()
    assert not found[0].isnan().any()
