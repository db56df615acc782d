"""A page in the browser to see a scene, say what should change, and watch it change.

`run` starts one process: the service of jobs, and routes for the page. `engine` is a process of its own that holds
scenes and renders frames of them; nothing else here imports torch. `history` remembers what was opened and edited.
`http` lets the page in and answers it. The page itself is TypeScript, in `page`; `build` makes `bundle` of it.
"""
