"""What is likely to come: price quantiles, spikes, load and sun, from what was known when they are made."""
