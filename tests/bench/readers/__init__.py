"""What one question costs: `flags.is_on()` beside other libraries, and beside a bare function.

`program` is the process of one library: it works in that library's virtual environment, where
`flags` may be django-flags, and so imports nothing of this repository. `run` starts one for each,
asks them by turns, and prints the table.
"""
