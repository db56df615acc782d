"""Changes of scenes by numbers, without a 2D editor; `import editor3d` gives the functions."""
