"""The imports of every command; imported by the server that commands are forked from."""

import nerfstudio.scripts.train  # noqa: F401

import editor3d.api  # noqa: F401
import editor3d.cli  # noqa: F401
import gaussian.methods.igs2gs  # noqa: F401
import mesh.style.command  # noqa: F401
import nerf_methods.in2n  # noqa: F401
