"""What energy costs and earns behind a meter: tariffs over many intervals at once, and demand charges."""
