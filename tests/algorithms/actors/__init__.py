"""Tests of the asynchronous family."""
