"""What each site should be doing by physics, against what it says; numbers in, findings out."""
