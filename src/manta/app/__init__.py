"""What runs: roles, wiring, settings and the command line."""
