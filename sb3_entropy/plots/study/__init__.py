"""
The figures of studies, one a file, found by their names or by another package's entry point.

A figure is a function ``draw(data, theme, *, …)`` of a :class:`~sb3_entropy.plots.study.figure_data.FigureData` and a
:class:`~sb3_entropy.plots.theme.Theme`. Its keyword arguments are its options in the YAML, and their annotations are
what :func:`~sb3_entropy.plots.options.check_options` checks.
"""
