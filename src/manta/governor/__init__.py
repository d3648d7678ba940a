"""The last word before power moves: intents in, leases or refusals out, every limit of the fleet between."""
