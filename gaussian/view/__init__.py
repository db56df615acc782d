"""From where a scene of splats that came without cameras is seen well."""
