"""What `promotion_expire` and `tick` say of the promotions that they ended."""

from django.core.management.base import CommandError, OutputWrapper

from promotions.settling import Settled


def report(done: Settled, out: OutputWrapper) -> None:
    """Tell of each. Raises CommandError where the database failed one."""
    for promotion in done.expired:
        out.write(f"{promotion}: nobody promoted it in time.")
    for promotion in done.rejected:
        out.write(f"{promotion}: {promotion.reason}.")
    for promotion in done.held_up:
        why = "somebody holds staging's row in an open transaction"
        out.write(f"{promotion}: left for the next run, {why}.")
    out.write(f"{len(done.expired)} promotions expired, {len(done.rejected)} rejected.")
    check(done)


def check(done: Settled) -> None:
    """Raises CommandError where the database failed one."""
    if done.failed:
        told = "; ".join(f"{promotion}: {str(error).strip()}" for promotion, error in done.failed)
        raise CommandError(f"The database failed these, the next run tries them again: {told}")
