"""The record: SQL by question, a file per subject, answered in our own values."""
