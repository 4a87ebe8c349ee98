"""What single algorithms, and the parts that they share, must do."""
