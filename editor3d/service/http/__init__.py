"""HTTP on the loopback interface, by Starlette and uvicorn: routes, who is let in, limits and deadlines."""
