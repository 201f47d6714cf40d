"""A bound of time that was missed is measured again, and nothing else is."""

import os
import subprocess
import sys

from tests.processes.server import ROOT

_TESTS = """
from tests.timed import in_time
seen = []

def test_late():
    seen.append("late")
    with in_time():
        assert seen.count("late") == 3

def test_wrong():
    seen.append("wrong")
    assert seen.count("wrong") == 2, "as TooLate: is"
"""


def test_lateness_alone_is_measured_again(tmp_path):
    (tmp_path / "test_it.py").write_text(_TESTS)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["--reruns-delay=0", "-p", "no:cacheprovider", str(tmp_path)]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=surroundings)
    assert "1 failed, 1 passed, 2 rerun" in done.stdout
    assert "RERUN test_it.py::test_late" in done.stdout
