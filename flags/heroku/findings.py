"""What the sign-off checklist shows: items, each with its findings."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105  # nosec B105
    FAIL = "fail"
    UNSEEN = "cannot be seen from here"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it showed, and the command to look or to mend."""

    verdict: Verdict
    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the checklist. It passes where all its findings do."""

    number: int
    title: str
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        verdicts = {finding.verdict for finding in self.findings}
        return next(
            each for each in (Verdict.FAIL, Verdict.UNSEEN, Verdict.PASS) if each in verdicts
        )
