"""What every family of algorithms has."""
