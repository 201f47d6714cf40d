"""A bound of time that was missed is measured again, and nothing else is."""

import os
import subprocess
import sys

from tests.processes.server import ROOT

_TESTS = """
import pytest
from tests.timed import in_time
seen = []

def so_often(name, number):
    seen.append(name)
    return seen.count(name) == number

def late(name):
    with in_time():
        assert so_often(name, 3)

def test_late():
    late("late")

def test_wrong():
    assert so_often("wrong", 2), "as TooLate: is"

def test_wrong_while_late():
    try:
        late("while")
    finally:
        assert so_often("wrong while", 2)

@pytest.fixture
def ends_wrong():
    yield
    assert so_often("wrong at the end", 2)

def test_wrong_after_late(ends_wrong):
    late("after")
"""


def test_lateness_alone_is_measured_again(tmp_path):
    (tmp_path / "test_it.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["--reruns-delay=0", "-p", "no:cacheprovider", str(tmp_path)]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "SOAK": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
    assert "3 failed, 1 passed, 1 error, 2 rerun" in done.stdout
    assert done.stdout.count("RERUN test_it.py::test_late\n") == 2
