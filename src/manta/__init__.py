"""Manta VPP: the operating system for energy arbitrage."""
