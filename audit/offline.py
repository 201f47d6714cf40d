"""Verifying a file of `audit_export`: the same walk, without the database."""

import csv
import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from audit import keys
from audit.canonical import unique_object
from audit.chain import Head
from audit.checkpoints import Checkpoint
from audit.damage import Kind, Report
from audit.export import HEADER, place_of, plain_cell, sign_manifest
from audit.links import BATCH, Link
from audit.verification import check_checkpoints, retired_at
from audit.walk import Walk

csv.field_size_limit(1 << 27)
_NUMBERS = ("seq", "audit_id", "id", "admin_id")
_TEXTS = ("prev_hash", "row_hash", "key_id")


class NotAnExport(ValueError):
    """The file is none of `audit_export`."""


class FileVerification:
    """One verification of a file; `total` and the numbers that `run` yields count its lines."""

    def __init__(self, path: Path, checkpoints: Sequence[Checkpoint] = ()) -> None:
        self.report = Report()
        self._path = path
        self._checkpoints = checkpoints
        self.total, self._manifest = _outline(path)
        self._digest, self._rows, self._unsealed = hashlib.sha256(), 0, 0
        self._hashes: dict[int, str] = {0: Head().row_hash}

    def run(self) -> Iterator[int]:
        """Walk; after each batch, how many lines it had. Then the report is whole."""
        said = self._said()
        complete = said is not None and not said["filter"]
        start = Head() if complete else None
        retired = retired_at(self._checkpoints) if complete else None
        walk = Walk(self.report, keys.known_keys(), start, complete=complete, retired=retired)
        wanted = {checkpoint.size for checkpoint in self._checkpoints}
        for links in _batches(self._path):
            walk.feed(self._sealed(links, wanted))
            yield len(links)
        walk.end(self._existing)
        if said is not None:
            self._check_manifest(said)
        if complete and said is not None:
            check_checkpoints(self.report, self._checkpoints, said["size"], self._hashes.get)
        else:
            self.report.notes.append(
                "This is a part of the log: each row in it is checked, and that none of the part "
                "is missing; checkpoints and neighbours that are not in it are not."
            )

    def _said(self) -> dict[str, Any] | None:
        """The manifest's object, if the file has its end and one of our keys has signed it."""
        manifest = self._manifest or {}
        said = manifest.get("manifest")
        if not isinstance(said, dict):
            self.report.add(Kind.CUT_TAIL, what="the file has no manifest: its end is missing")
            return None
        key = keys.known_keys().get(str(said.get("key_id")))
        signed = key and sign_manifest(key, said)
        if not signed or not hmac.compare_digest(signed, str(manifest.get("hmac"))):
            self.report.add(Kind.EDITED, what="the manifest")
            return None
        return said

    def _sealed(self, links: list[Link], wanted: set[int]) -> Iterator[Link]:
        for link in links:
            self._rows += 1
            self._digest.update(place_of(link))
            if link[0] is None:
                self.report.add(Kind.FORGED_UNSEALED, None, link[1])
                continue
            if link[0] in wanted:
                self._hashes[link[0]] = link[3]
            yield link

    def _check_manifest(self, said: dict[str, Any]) -> None:
        if self._digest.hexdigest() == said["digest"]:
            return
        what = f"the file has {self._rows} rows, its manifest says {said['rows']}"
        missing = said["rows"] - self._rows
        if missing > 0:
            self.report.add(Kind.DELETED, what=what, count=missing)
        elif missing < 0:
            self.report.add(Kind.INSERTED, what=what, count=-missing)
        else:
            self.report.add(
                Kind.EDITED, what="the rows are not those that the manifest was made of"
            )

    def _existing(self, hashes: Collection[str]) -> set[str]:
        wanted = set(hashes)
        return {link[3] for links in _batches(self._path) for link in links} & wanted


def _batches(path: Path) -> Iterator[list[Link]]:
    batch: list[Link] = []
    for link in _links(path):
        batch.append(link)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _links(path: Path) -> Iterator[Link]:
    with path.open(encoding="utf-8", newline="") as lines:
        if _is_csv(path):
            for number, cells in enumerate(csv.reader(lines), 1):
                if number > 1 and cells[:1] != ["manifest"]:
                    yield _of_cells(cells, number)
        else:
            for number, line in enumerate(lines, 1):
                if not line.startswith('{"manifest"'):
                    yield _of_line(line, number)


def _of_line(line: str, number: int) -> Link:
    try:
        said = json.loads(line, object_pairs_hook=unique_object)
        return _of_values(said)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAnExport(f"line {number} is no row of an export") from error


def _of_cells(cells: list[str], number: int) -> Link:
    try:
        said: dict[str, Any] = dict(zip(HEADER, map(plain_cell, cells), strict=True))
        for name in _NUMBERS:
            said[name] = int(said[name]) if said[name] else None
        for name in ("prev_hash", "row_hash", "key_id", "change_id", "payload", "context"):
            said[name] = said[name] or None
        return _of_values(said)
    except ValueError as error:
        raise NotAnExport(f"row {number} is no row of an export") from error


def _of_values(said: dict[str, Any]) -> Link:
    """The link, if it has what an export has and nothing else. Raises ValueError."""
    numbers = all(said[name] is None or type(said[name]) is int for name in _NUMBERS)
    texts = all(said[name] is None or type(said[name]) is str for name in _TEXTS)
    same = said["id"] is None or said["id"] == said["audit_id"]
    if not (numbers and texts and same and said.keys() == set(HEADER)):
        raise ValueError("not as an export writes it")
    return [said[name] for name in HEADER]


def _outline(path: Path) -> tuple[int, dict[str, Any] | None]:
    """How many lines the file has, and its manifest, if the last one is that."""
    count, last = 0, ""
    with path.open(encoding="utf-8", newline="") as lines:
        for line in lines:
            count, last = count + 1, line
    if not count:
        raise NotAnExport("the file is empty")
    if _is_csv(path):
        cells = next(csv.reader([last]), [])
        last = cells[1] if cells[:1] == ["manifest"] and len(cells) == 2 else ""
    try:
        found = json.loads(last)
    except ValueError:
        return count, None
    return count, found if isinstance(found, dict) and "manifest" in found else None


def _is_csv(path: Path) -> bool:
    with path.open(encoding="utf-8") as lines:
        start = lines.readline()
    if start.rstrip("\r\n") == ",".join(HEADER):
        return True
    if not start.startswith("{"):
        raise NotAnExport("it is neither JSON lines nor CSV of audit_export")
    return False
