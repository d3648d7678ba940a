"""Many devices as one, in columns: what the fleet is doing, what it could do, who does what part of it."""
