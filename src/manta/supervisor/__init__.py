"""Programs of others and roles of ours, started in order, watched, and never left behind."""
