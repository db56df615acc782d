"""Files broken at random, and whether every reader answers with a scene or with one sentence.

`mutate` breaks files, `formats` has whole files of every kind and the functions that read them, `run` tries many cases
in processes that are watched for hangs, crashes and memory.
"""
