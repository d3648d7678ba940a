"""How the record came to its present shape: one numbered step each, in SQL."""
