"""
The figures of the landscape's probes, one probe a file (after Ahmed et al. 2019, Figs. 1–7).

A figure is a function of what was found, by the name of the condition that it was found under, and of a
:class:`~sb3_entropy.plots.theme.Theme`: ``scatter({"σ = 0": found, "σ = 1": other}, LIGHT)``. Noise is drawn with what
was found.
"""
