"""What a process is told, what time it is, and how it is seen from outside."""
