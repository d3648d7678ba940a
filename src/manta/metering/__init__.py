"""Meter data files as AEMO's participants exchange them, and network tariffs as their owners publish them."""
