"""Read the config.yml of a run without running what it names."""
