"""
The family's fast path: the same arithmetic as the general one, in fewer calls, and so to the same bits.

``choice`` chooses it; ``policy`` puts it together: the two MLPs, whose gradient is written out in
:mod:`~sb3_entropy.algorithms.common.networks`, and of ``heads`` the distribution of what the actor's network gives;
``rollout`` and ``update`` execute the steps of the one training loop.
"""
