"""How each library is set up, and how its users ask for a flag.

A module has TITLE, SETUP and PACKAGE for the table, and `set_up(values, directory)`, which returns
the question. One that asks a database has `counting(count)`, a context manager that adds up its
queries; BESIDE is the text of the bare question, where it is not the usual one.
"""
