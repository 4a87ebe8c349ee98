"""What every off-policy algorithm must do."""
