"""The surroundings of a staging deployment as in production, for processes that are measured."""

import os
from pathlib import Path

FLAGS = 32


def environment(url: str, directory: Path, *, flags: int = FLAGS) -> dict[str, str]:
    """The environment of a process on the database `url`, with `flags` declared flags, `flag_0` and
    so on, in a file of `directory`. Not under DEBUG, which keeps every query."""
    declared = directory / f"flags-{flags}.yaml"
    declared.write_text(
        "".join(
            f"flag_{number}:\n  default: false\n  description: a flag\n  risk: low\n"
            for number in range(flags)
        )
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLAG_")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "raxxconsole.settings",
        "ENV_FILE": os.devnull,
        "DEBUG": "0",
        "SECRET_KEY": "only-for-benchmarks",
        "AUDIT_SIGNING_KEY": "only-for-benchmarks",
        "CONSOLE_ENV": "staging",
        "FLAG_CONSOLE_FEATURE_FLAGS_DB": "1",
        "FEATURE_FLAGS_FILE": str(declared),
        "DATABASE_URL": url,
    }
