"""2D editors that run a diffusion model on this machine."""
