"""Pickles of others, read without running what is in them: an allow-list of names, and what each may be used for."""
