"""What every algorithm must do, of whatever family."""
