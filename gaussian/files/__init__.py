"""Files of splats: one module a format, dispatched by suffix. Importing this package imports no torch."""

from gaussian.files.registry import (
    FORMATS,
    SplatFormat,
    check_output,
    convert,
    read_file,
    read_splats,
    tell,
    write_splats,
)

__all__ = ["FORMATS", "SplatFormat", "check_output", "convert", "read_file", "read_splats", "tell", "write_splats"]
