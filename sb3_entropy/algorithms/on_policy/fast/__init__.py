"""
The family's fast path: the same arithmetic as the general one, in fewer calls, and so to the same bits.

``path`` chooses it and puts it together; ``networks`` are the two MLPs with their gradient written out; ``heads`` make
a distribution of what the actor's network gives; ``rollout`` and ``update`` execute the steps of the one training loop.
"""
