"""HTTP on the loopback interface: authentication, limits and deadlines."""
