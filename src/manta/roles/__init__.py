"""One file a process: what it is wired from."""
