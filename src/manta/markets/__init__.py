"""Where prices come from: the market's own publications, read with suspicion."""
