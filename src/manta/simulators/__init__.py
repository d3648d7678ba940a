"""The world outside, simulated: homes, their faults, and the market."""
