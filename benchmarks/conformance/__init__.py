"""
The tests of Stable-Baselines3 and sb3-contrib, run on our classes in the place of theirs.

``python -m benchmarks.conformance`` fetches the source distributions at the pinned versions, takes their ``tests/``
folders alone, and runs what concerns PPO, A2C and TRPO with SPPO, SA2C and STRPO under those names: once at
``ent_coef=0``, once at our defaults. What concerns SAC it runs with SDDPG, once with the minimum of its critics, which
is SAC, and with SACAdaEnt. It fails if a test fails that ``exceptions.toml`` does not list, if a listed one passes, and
if a substituted class was never trained.
"""
