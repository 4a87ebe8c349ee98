"""The fast path is taken where it is the policy's arithmetic, and looks again at every update."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import nn

from algorithms.off_policy.fast.worlds import PENDULUM, Still, sac, train_fast, with_plain
from sb3_entropy.algorithms.off_policy.fast.choice import choose, why_general
from sb3_entropy.algorithms.off_policy.parts import Parts


class OwnPolicy(SACPolicy):
    """One of somebody."""


class OwnActor(Actor):
    """One of somebody."""


class OwnExtractor(FlattenExtractor):
    """One of somebody."""


class Images(Still):
    """Observations are images."""

    def __init__(self) -> None:
        super().__init__(PENDULUM)
        self.observation_space = spaces.Box(0, 255, (3, 36, 36), "uint8")  # type: ignore[assignment]


def small(**policy_kwargs: Any) -> SAC:
    return sac(PENDULUM, policy_kwargs={"net_arch": [8, 6], **policy_kwargs})


def parts_of(model: SAC, **others: Any) -> Parts:
    return Parts(model.policy, model.replay_buffer, **others)


#: what is asked for, or done, and a sentence
ASKED: dict[str, tuple[dict[str, Any], str]] = {
    "activation": ({"activation_fn": nn.ELU}, "its activation is ELU, and neither Tanh nor ReLU"),
    "extractor": ({"features_extractor_class": OwnExtractor}, "the features are extracted by OwnExtractor, and not"),
    "optimizer": ({"optimizer_class": th.optim.AdamW}, "the optimizer is AdamW, and not one of Adam"),
    "option": ({"optimizer_kwargs": {"weight_decay": 0.1}}, "the optimizer has options of its own: weight_decay=0.1"),
}


def _set(name: str, value: Any) -> Callable[[SACPolicy], Any]:
    def change(policy: SACPolicy) -> None:
        path, _, attribute = name.rpartition(".")
        setattr(policy.get_submodule(path), attribute, value)

    return change


def _shrink(policy: SACPolicy) -> None:
    policy.critic.qf1[0] = nn.Linear(4, 5)
    policy.critic.qf1[2] = nn.Linear(5, 6)


def _step_once(policy: SACPolicy) -> None:
    policy.critic.optimizer.zero_grad()
    policy.critic.qf0[0].weight.grad = th.zeros_like(policy.critic.qf0[0].weight)
    policy.critic.optimizer.step()


def _share(policy: SACPolicy) -> None:
    policy.critic_target.qf0[0].weight = policy.critic.qf0[0].weight


DONE: dict[str, tuple[Callable[[SACPolicy], Any], str]] = {
    "hook": (lambda policy: policy.actor.mu.register_forward_hook(lambda *_: None), "there are hooks on actor.mu"),
    "compiled": (lambda policy: policy.critic.compile(), "there are hooks on critic, or it is compiled"),
    "method": (_set("critic.forward", lambda *_: None), "forward of critic has been replaced"),
    "own action": (_set("actor.action_log_prob", lambda *_: None), "action_log_prob of actor has been replaced"),
    "dtype": (lambda policy: policy.actor.double(), "the parameter actor.latent_pi.0.weight is torch.float64 on cpu"),
    "frozen": (lambda policy: policy.critic.requires_grad_(False), "the parameter critic.qf0.0.weight is not learned"),
    "hook of a parameter": (
        lambda policy: policy.actor.mu.weight.register_hook(lambda g: g),
        "there are hooks on the parameter actor.mu.weight",
    ),
    "hook of an optimizer": (
        lambda policy: policy.critic.optimizer.register_step_post_hook(lambda *_: None),
        "the optimizer has hooks",
    ),
    "a step": (_step_once, "more steps with some parameters than with others"),
    "distribution": (
        lambda policy: setattr(policy.actor.action_dist, "sample", lambda: None),
        "the actions are distributed by SquashedDiagGaussianDistribution, or by a method of its own",
    ),
    "head": (_set("actor.mu", nn.Sequential(nn.Linear(6, 1))), "its outputs are no linear layers"),
    "no bias": (_set("critic.qf0.4", nn.Linear(6, 1, bias=False)), "its outputs are no linear layers"),
    "one shape": (_shrink, "the critics are not of one shape"),
    "no sequence": (
        lambda policy: policy.critic.q_networks.__setitem__(0, nn.Linear(4, 1)),
        "a critic is Linear, and no sequence of layers",
    ),
    "shared": (_share, "layers share their parameters"),
    "actor": (_set("actor.__class__", OwnActor), "the actor is OwnActor"),
    "critic": (_set("critic.__class__", type("OwnCritic", (type(small().critic),), {})), "the critic is OwnCritic"),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_for(name: str) -> None:
    policy_kwargs, words = ASKED[name]
    model = small(**policy_kwargs)
    assert words in str(why_general(parts_of(model)))
    reason, path = choose(parts_of(model), None)
    assert reason is not None
    assert path is None


@pytest.mark.parametrize("name", DONE)
def test_what_is_done_in_the_middle_is_seen_at_once(name: str) -> None:
    change, words = DONE[name]
    model = small()
    reason, path = choose(parts_of(model), None)
    assert reason is None
    assert path is not None
    train_fast(model, path, 1, 8)
    assert choose(parts_of(model), path)[1] is path
    change(model.policy)
    reason, path = choose(parts_of(model), path)
    assert words in str(reason)
    assert path is None


def test_policies_and_observations_of_others() -> None:
    policy = SAC(OwnPolicy, Still(PENDULUM), buffer_size=10, policy_kwargs={"net_arch": [4]})
    assert why_general(parts_of(policy)) == "the policy is OwnPolicy"
    assert why_general(parts_of(sac(PENDULUM, use_sde=True))) == "use_sde=True"
    images = SAC("MlpPolicy", Images(), buffer_size=10, policy_kwargs={"net_arch": [4]})
    assert str(why_general(parts_of(images))).startswith("the observations are Box(0, 255, (3, 36, 36)")


def test_hooks_on_all_modules() -> None:
    model = small()
    _, path = choose(parts_of(model), None)
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert choose(parts_of(model), path) == ("there are hooks on all modules", None)
    finally:
        handle.remove()
    assert choose(parts_of(model), None)[0] is None


@pytest.mark.parametrize("name", ["plain_critic", "plain_critic_target", "target_actor"])
def test_what_is_beside_the_policy(name: str) -> None:
    model = small()
    others = {**with_plain(model), "target_actor": model.policy.make_actor()}
    _, path = choose(parts_of(model, **others), None)
    assert path is not None
    assert choose(parts_of(model, **others), path)[1] is path
    others[name].register_forward_pre_hook(lambda *_: None)
    words = {
        "plain_critic": "the plain critic",
        "plain_critic_target": "its target",
        "target_actor": "the target actor",
    }
    assert choose(parts_of(model, **others), path)[0] == f"there are hooks on {words[name]}, or it is compiled"


def test_it_is_made_anew_where_parts_are_others() -> None:
    model = small()
    others = with_plain(model)
    _, path = choose(parts_of(model), None)
    for given in ({}, others, {}, {"actor_on_target_critics": True}, {"target_actor": model.policy.make_actor()}):
        reason, made = choose(parts_of(model, **given), path)
        assert reason is None
        assert made is not None
        assert (made is path) == (given == {} and path is not None and path.parts.same(parts_of(model)))
        path = made
    model.replay_buffer = copy.deepcopy(model.replay_buffer)
    assert choose(parts_of(model), path)[1] is not path


def test_what_may_change_without_another_path() -> None:
    """Learning rates, the numbers themselves, and what a policy notes when it is asked for an action."""
    model = small()
    model.predict(model.replay_buffer.observations[0])
    _, path = choose(parts_of(model), None)
    model.actor.optimizer.param_groups[0]["lr"] = 0.5
    model.policy.load_state_dict(copy.deepcopy(model.policy.state_dict()))
    model.predict(model.replay_buffer.observations[0])
    model.policy.set_training_mode(True)
    model.learn(1)
    assert choose(parts_of(model), path)[1] is path
    model.critic.optimizer.param_groups[0]["betas"] = (0.5, 0.6)
    assert choose(parts_of(model), path)[1] is not path


def test_linear_critics_and_shared_flattening_are_fast() -> None:
    model = sac(PENDULUM, policy_kwargs={"net_arch": [], "share_features_extractor": True})
    assert why_general(parts_of(model)) is None


def test_an_optimizers_state_that_somebody_spoils_before_its_first_step_is_seen() -> None:
    model = small()
    _, path = choose(parts_of(model), None)
    model.actor.optimizer.state[model.actor.mu.weight] = {"momentum": th.zeros(())}
    reason, path = choose(parts_of(model), path)
    assert reason == "the optimizer's state is another one's"
    assert path is None
