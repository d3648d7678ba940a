"""History played again with the engines of the product: what a policy would have earned, and why."""
