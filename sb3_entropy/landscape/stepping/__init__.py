"""Backends: whole episodes of many candidates, in lockstep."""
