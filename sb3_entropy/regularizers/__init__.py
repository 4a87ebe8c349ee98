"""Regularisers: a divergence, a reference policy and a coefficient."""
