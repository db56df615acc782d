"""What the machine, its libraries and compilers are made to do before and while the project runs on them."""
