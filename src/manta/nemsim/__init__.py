"""The market operator, simulated: prices, forecasts, the files it publishes, and the offers it takes."""
