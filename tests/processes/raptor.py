"""The example service as it runs: uvicorn in a process of its own, and what it answers."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.processes.server import ROOT, free_port, wait_until_it_answers

EXAMPLE = ROOT / "examples/raptor-fastapi"
# As if this repository were installed, with the packages of the test's own environment.
_BARE = ("PATH", "HOME", "VIRTUAL_ENV", "LANG")


class Raptor:
    def __init__(self, base: str) -> None:
        self._base = base

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self._base + path, timeout=10) as answer:
            return json.load(answer)

    def paging(self) -> str:
        return str(self.get("/orders")["paging"])


@contextmanager
def raptor(console: str, token: str, **extra: str) -> Iterator[Raptor]:
    """The service, which reads its flags of the console at that URL."""
    port = free_port()
    bare = {name: os.environ[name] for name in _BARE if name in os.environ}
    told = {"PYTHONPATH": str(ROOT), "FLAGS_URL": console, "FLAGS_TOKEN": token}
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"],
        cwd=EXAMPLE,
        env=bare | told | extra,
        stdin=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(process, f"{base}/health")
        yield Raptor(base)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
