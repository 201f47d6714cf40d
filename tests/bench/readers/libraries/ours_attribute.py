from libraries import ours
from loops import Question

TITLE = "ours, `flags.is_on(k)`"
SETUP = "as above, looked up in the module at each call; so is its bare function (`bare.f(k)`)."
BESIDE = "bare.f(k)"
counting, check_at_the_end = ours.counting, ours.check_at_the_end


def set_up(values: dict[str, bool], directory: str) -> Question:
    ours.fill(values)
    import flags

    return Question("flags.is_on(k)", {"flags": flags})
