"""The formats of the market's data model: files to columns, by name; what is refused and why."""
