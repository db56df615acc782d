"""The gate and the boundary around untrusted programs."""
