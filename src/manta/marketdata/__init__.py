"""What the market published, kept by the month: prices of years, and what is missing from them."""
