"""The market's rules as pure functions: what is charged, capped, enabled, conformed with and offered."""
