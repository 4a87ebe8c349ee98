"""
The family's fast path: the general one's arithmetic within rounding, in fewer calls and fewer products.

``choice`` chooses it; ``path`` puts it together: ``critics`` is all critics of a training in batched products,
``actor`` the squashed Gaussian with its gradient written out, ``states`` what similarity rules ask, ``replay`` draws
transitions without needless copies.
"""
