"""
The store's tables, a file a noun: its records, its schema, what is checked, how rows are written and read.

A file here is all that a table takes: it is found because it is here, and brings its own statements as ``SCHEMA``, by
the version of the store that they lead to. Its class is given the store: ``Runs(store)``.
"""
