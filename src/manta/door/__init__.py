"""Who may come in, and how every answer is shaped, bounded and watched."""
