"""The engine as a service of this machine, for programs that cannot import it, such as Blender's add-on.

`jobs` runs the project's own commands one after the other: its `requests` say what a job may be, `commands` writes the
words, `watched` reads how far it is, `state` says where a running service is found. `http` answers requests. Nothing
here imports torch.
"""
