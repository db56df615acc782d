"""The project's panels in nerfstudio's viewer."""
