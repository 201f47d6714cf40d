"""A `heroku` on the PATH that notes what it is asked, and prints secrets as the real one does."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

SECRET = "hunter2-and-nobody-else"
_SOURCE = f"""#!{sys.executable}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
with open(here / "asked", "a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
print("DATABASE_URL: {SECRET}", flush=True)
print("warning: {SECRET}", file=sys.stderr)
app = sys.argv[sys.argv.index("--app") + 1]
sys.exit(9 if (here / f"fails-{{app}}").exists() else 0)
"""


@dataclass(frozen=True)
class Stub:
    directory: Path

    @property
    def path(self) -> str:
        """The PATH on which it is found first."""
        return f"{self.directory}{os.pathsep}{os.environ['PATH']}"

    @property
    def asked(self) -> list[list[str]]:
        """The arguments of each call, in order."""
        file = self.directory / "asked"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def fail(self, app: str) -> None:
        """From now on calls on this app end with status 9."""
        (self.directory / f"fails-{app}").touch()


def install(directory: Path) -> Stub:
    program = directory / "heroku"
    program.write_text(_SOURCE)
    program.chmod(0o755)
    return Stub(directory)
