"""One environment's part of a flag's timeline: which value held when, in words and in places.

Places and widths are percent of the picture's width, times are UTC.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.models import AuditEntry
from audit.sentences import sentence

_LOOKS = {True: "on", False: "off", None: "none"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A time in which the value held. `value` None: unknown, or no DB row; `word` tells which.

    `told` is the sentence about the change that began it, "" for what was before the first one.
    """

    value: bool | None
    word: str
    start: datetime
    end: datetime
    told: str
    x: float
    width: float
    is_last: bool

    @property
    def look(self) -> str:
        return _LOOKS[self.value]

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)

    @property
    def has_room(self) -> bool:
        """Whether its word fits into it on a phone, where 12 px are some 4 % of the width."""
        return self.width >= 2 * len(self.word) + 2

    @property
    def text(self) -> str:
        """Such as "on, 2026-05-04 03:00 – 2026-05-05 10:00 UTC: alice turned …"."""
        is_short = self.end - self.start < timedelta(minutes=2)
        start, end = _stamp(self.start, is_short), _stamp(self.end, is_short)
        if self.told:
            when = f"since {start} UTC" if self.is_last else f"{start} – {end} UTC"
            return f"{_long(self.word)}, {when}: {self.told}"
        return self.word if self.is_last else f"{self.word}, until {end} UTC"


@dataclass(frozen=True, slots=True)
class Lane:
    """One environment: its segments from the picture's left edge to now, without a gap."""

    env: str
    segments: tuple[Segment, ...]
    has_more: bool

    @property
    def now(self) -> str:
        """Such as "on since 2026-05-04 03:00 UTC", or "never flipped"."""
        spells = self._spells()
        return spells[-1] if self.changes == 0 or len(spells) > 1 else f"{spells[0]} all along"

    @property
    def changes(self) -> int:
        return len(self.segments) - 1

    @property
    def story(self) -> str:
        """The lane as a sentence, for those who do not see it."""
        told = [f"{self.env}: {_long(self.now)}"]
        told += [f"before that {_long(spell)}" for spell in self._spells()[-2:-1]]
        if self.has_more:
            told.append(f"the newest {self.changes} changes shown, there are more")
        elif self.changes:
            told.append(f"{self.changes} change{'' if self.changes == 1 else 's'} shown")
        return "; ".join(told) + "."

    def _spells(self) -> list[str]:
        """Each word and since when; said once where it held through several changes."""
        spells: list[str] = []
        last = ""
        for segment in self.segments:
            if segment.word != last:
                since = f" since {_stamp(segment.start)} UTC" if segment.told else ""
                spells.append(segment.word + since)
            last = segment.word
        return spells


def segments_of(entries: list[AuditEntry], edges: list[datetime]) -> tuple[Segment, ...]:
    """What was before the first entry, and what each of them began; `edges` are where they end."""
    before = entries[0].payload["from"] if entries else None
    words = {True: "on", False: "off", None: "unknown" if entries else "never flipped"}
    found = [(before, words[before], "")]
    words[None] = "no row"
    found += [
        (entry.payload["to"], words[entry.payload["to"]], sentence(entry)) for entry in entries
    ]
    places = _places(edges)
    return tuple(
        Segment(
            *(value, word, edges[i], edges[i + 1], told),
            x=places[i],
            width=round(places[i + 1] - places[i], 2),
            is_last=i == len(entries),
        )
        for i, (value, word, told) in enumerate(found)
    )


def _places(edges: list[datetime]) -> list[float]:
    """Where each edge is drawn, in percent: to scale, but no segment too narrow to be seen."""
    count = len(edges) - 1
    narrowest = min(1.0, 60 / count)
    span = edges[-1] - edges[0]
    places = [100 * ((edge - edges[0]) / span) for edge in edges]
    for i in range(1, count):
        places[i] = max(places[i], places[i - 1] + narrowest)
    for i in range(count - 1, 0, -1):
        places[i] = min(places[i], places[i + 1] - narrowest)
    return [round(place, 2) for place in places]


def _stamp(time: datetime, seconds: bool = False) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def _long(words: str) -> str:
    """With what "no row" means, where there is room to say it."""
    return words.replace("no row", "no row (config var or YAML decides)")
