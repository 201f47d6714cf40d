"""Pins have hashes and name no index and no path; each package that is asked for has its reason."""

import re

import pytest

from raxxconsole.settings import BASE_DIR

PINS = sorted(BASE_DIR.glob("requirements*.txt"))
ASKED = sorted(BASE_DIR.glob("requirements*.in"))
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_PIN = re.compile(rf"{_NAME}(\[[a-z0-9,-]+\])?==[^\s/:]+( ; [^/:]+)? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
_WHY = re.compile(r"    # [^/:]+")


def test_there_are_pins_for_everything_that_is_asked_for():
    assert [path.stem for path in PINS] == [path.stem for path in ASKED]
    assert "requirements-bench" in [path.stem for path in PINS]


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_a_pin_is_a_version_and_hashes_and_nothing_else(path):
    foreign = [
        line
        for line in path.read_text().splitlines()
        if not any(form.fullmatch(line) for form in (_PIN, _HASH, _WHY))
    ]
    assert foreign == []


@pytest.mark.parametrize("path", ASKED, ids=lambda path: path.name)
def test_every_package_that_is_asked_for_has_its_reason(path):
    page = (BASE_DIR / "docs/dependencies.md").read_text()
    cells = [
        cell.strip()
        for row in re.findall(r"^\| (.+?) \|", page, re.MULTILINE)
        for cell in row.split(",")
    ]
    lines = path.read_text().splitlines()
    names = [re.match(_NAME, line)[0] for line in lines if re.match(_NAME, line)]
    assert names
    assert [name for name in names if name not in [cell.split()[0] for cell in cells]] == []
