"""manage.py itself."""

import os
import signal
import subprocess
import sys

from tests.processes.server import ROOT, environment


def test_a_reader_that_has_had_enough_ends_a_command_without_a_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", "help"],
            cwd=ROOT,
            env=environment() | {"PYTHONUNBUFFERED": ""},
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")
