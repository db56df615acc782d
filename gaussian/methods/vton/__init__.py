"""GaussianVTON: a captured person is dressed from the picture of a garment (Chen et al. 2024)."""
