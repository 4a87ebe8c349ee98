"""What SDDPG and SACAdaEnt share: one training loop and its parts."""
