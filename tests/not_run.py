"""Studies whose rule is written and which have not been run: they have no evidence yet."""

NOT_RUN = {
    "entropy_smooths_q",
    "misleading_score_predicts",
    "zhang2025_toy_on_policy",
}
