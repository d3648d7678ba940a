"""Metered energy times price, as integers that add up to nothing."""
