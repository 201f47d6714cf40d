from loops import Question, bare

TITLE = "the bare function"
SETUP = "`def f(k): return D[k]`; its ratio to itself is the noise of this machine."


def set_up(values: dict[str, bool], directory: str) -> Question:
    return bare(values)
