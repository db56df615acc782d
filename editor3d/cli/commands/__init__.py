"""One module a subcommand of `editor3d`, imported when it is called."""
