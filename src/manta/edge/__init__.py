"""Manta Edge: the small process on a box at a site: reads devices, keeps leases, calls home."""
