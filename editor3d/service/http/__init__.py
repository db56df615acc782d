"""HTTP on the loopback interface: who may ask, how much, and for how long."""
