"""Settings of the machine, its libraries and compilers, made before and while the project runs."""
