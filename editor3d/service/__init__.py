"""The engine as a service of this machine, for programs that cannot import it, such as Blender's add-on.

`state` says where a running service is found, `server` answers HTTP, `jobs` runs the project's own commands one after
the other, `commands` writes their words, `progress` reads how far they are. Nothing here imports torch.
"""
