"""The homes of a fleet, simulated: what they measure, what they obey, and how they fail."""
