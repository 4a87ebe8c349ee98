"""What every on-policy algorithm must do."""
