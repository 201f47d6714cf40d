"""The walk along the chain: every link, none skipped, whether from the database or from a file.

Each link is checked twice: that its hash is the HMAC of its row and of the hash that it names, and
that the hash that it names is the one of the link before. Where that fails, the links around it
tell what was done to it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from audit.canonical import Unreadable, canonical, row_hash
from audit.chain import Head
from audit.damage import Kind, Report
from audit.keys import signing_key
from audit.links import Link

_SEQ, _AUDIT_ID, _PREV, _HASH, _KEY_ID, _ROW = range(6)


class Walk:
    """One walk from `start`, the head after which the first link comes (None: wherever it is).

    `complete` says that no number may be left out; an export of a filter leaves some out, and then
    only neighbours can be held against each other. After link `retired` only the present key signs.
    """

    def __init__(
        self,
        report: Report,
        known: Mapping[str, bytes],
        start: Head | None,
        *,
        complete: bool = True,
        retired: int | None = None,
    ) -> None:
        self._report = report
        self._keys = known
        self._last = start
        self._complete = complete
        self._retired = retired
        self._present, _ = signing_key()
        # Links whose hash does not fit their row, and the hash before them: the next ones tell.
        self._suspects: list[Link] = []
        self._before = ""
        self._breaks: list[Link] = []

    def feed(self, links: Iterable[Link]) -> None:
        """Check these links, which come after those before."""
        for link in links:
            self._check(link)
            self._last = Head(link[_SEQ], link[_HASH])
            self._report.checked += 1

    def end(self, exist: Callable[[Collection[str]], Collection[str]]) -> None:
        """Tell of what is left open. `exist` answers which of some row hashes are in the chain."""
        self._blame(Kind.EDITED, "or added with a made-up link: it is the last one")
        named = {link[_PREV] for link in self._breaks}
        there = exist(named) if named else ()
        for link in self._breaks:
            kind = Kind.REORDERED if link[_PREV] in there else Kind.DELETED
            what = "" if kind is Kind.REORDERED else "what stood before it"
            self._report.add(kind, link[_SEQ], link[_AUDIT_ID], what)

    # --- one link ------------------------------------------------------------

    def _check(self, link: Link) -> None:
        last = self._last
        follows = last is None or link[_SEQ] == last.size + 1
        if last is not None and not follows:
            self._gap(last, link)
        linked = last is None or link[_PREV] == last.row_hash or not (follows or self._complete)
        if link[_ROW] is None:
            self._report.add(Kind.DELETED, link[_SEQ], link[_AUDIT_ID], "the row of this link")
        elif link[_KEY_ID] not in self._keys:
            self._report.add(Kind.UNKNOWN_KEY, link[_SEQ], link[_AUDIT_ID], f"key {link[_KEY_ID]}")
        elif self._is_retired(link):
            what = f"key {link[_KEY_ID]}, retired by then: the present one signed a checkpoint"
            self._report.add(Kind.UNKNOWN_KEY, link[_SEQ], link[_AUDIT_ID], what)
        elif not self._fits(link, link[_PREV]):
            self._suspect(link)
            return
        if linked:
            # Its hash is true, and names the one before: that one's hash is true, its row is not.
            self._blame(Kind.EDITED)
        elif self._suspects and link[_PREV] == self._before:
            self._blame(Kind.INSERTED)
        elif follows:
            self._blame(Kind.EDITED)
            self._breaks.append(link)

    def _is_retired(self, link: Link) -> bool:
        """Whether an older key has signed after the present one: whoever stole it could."""
        past = self._retired is not None and link[_SEQ] > self._retired
        return past and link[_KEY_ID] != self._present

    def _gap(self, last: Head, link: Link) -> None:
        """Numbers were left out, or come again."""
        if link[_SEQ] <= last.size:
            self._report.add(Kind.REORDERED, link[_SEQ], link[_AUDIT_ID])
        elif not self._complete:
            self._blame(Kind.EDITED)
        elif link[_PREV] == last.row_hash:
            self._report.add(Kind.REORDERED, link[_SEQ], link[_AUDIT_ID], "numbers were left out")
        else:
            missing = link[_SEQ] - last.size - 1
            what = f"{missing} links from number {last.size + 1}"
            self._report.add(Kind.DELETED, last.size + 1, None, what, count=missing)

    def _suspect(self, link: Link) -> None:
        """Its hash does not fit its row. If the one before it was put in, it fits without that."""
        if self._suspects and self._fits(link, self._before):
            self._blame(Kind.INSERTED)
            return
        if self._last is not None and self._fits(link, self._last.row_hash):
            self._report.add(Kind.EDITED, link[_SEQ], link[_AUDIT_ID], "its link")
            return
        if not self._suspects:
            self._before = self._last.row_hash if self._last else ""
        self._suspects.append(link)

    def _blame(self, kind: Kind, what: str = "") -> None:
        for link in self._suspects:
            self._report.add(kind, link[_SEQ], link[_AUDIT_ID], what)
        self._suspects.clear()

    def _fits(self, link: Link, prev_hash: str) -> bool:
        try:
            signed = canonical(link[_ROW:])
        except Unreadable:
            return False
        fitting: bool = row_hash(self._keys[link[_KEY_ID]], prev_hash, signed) == link[_HASH]
        return fitting
