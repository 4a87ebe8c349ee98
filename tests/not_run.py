"""Studies whose rule is written and which have not been run: they have no evidence yet."""

NOT_RUN = {
    "entropy_smooths_q",
    "is_it_off_policy_or_entropy",
    "zhang2025_acrobot",
    "zhang2025_paper_models",
    "zhang2025_vehicle",
}
