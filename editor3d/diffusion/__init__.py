"""The code for diffusion models that editors and guidance share: weights, loading, latents, noise levels, sampling."""
