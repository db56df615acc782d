"""From pictures to Gaussians: where they begin, how they grow, and what they are fitted to."""
