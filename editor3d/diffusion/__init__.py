"""What editors and guidance share of diffusion models: weights, loading, latents, noise levels, sampling."""
