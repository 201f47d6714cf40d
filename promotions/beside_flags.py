"""What promotions add to the flags page and to each flag's page, and to a flip on staging."""

from audit.models import AuditEntry
from flags.slots import Companion
from promotions import settling


class Promotions(Companion):
    def flipped(self, entry: AuditEntry) -> None:
        settling.after_flip(entry)
