"""Rules that wish for power, and the one power that a VPP is to hold."""
