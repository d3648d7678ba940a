"""The road between our processes: a thin wrapper over NATS."""
