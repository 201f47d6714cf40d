"""A `heroku` for the PATH of tests: it notes what it is asked and keeps the config vars it is told.

Like the real one it prints an app's config vars, the secrets among them, when they are changed.
`STUB_HEROKU` names its directory: `apps.json`, and `calls.jsonl`, a line for each call.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

SECRET = "hunter2"
"""A part of each secret that an app has."""
SECRETS = {
    "DATABASE_URL": f"postgres://u:{SECRET}-database@db.invalid/x",
    "SECRET_KEY": f"{SECRET}-key",
    "PAYMENT_TOKEN": f"{SECRET}-payment",
}

_Call = tuple[str, list[str], list[str], list[str]]


def main(argv: list[str]) -> int:
    place = Path(os.environ["STUB_HEROKU"])
    with (place / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(argv) + "\n")
    ours, theirs = _split(argv)
    verb, app = ours[0], _app(ours)
    apps = json.loads((place / "apps.json").read_text())
    if app not in apps:
        print("Couldn't find that app.", file=sys.stderr)
        return 1
    words = [word for word in ours[1:] if not word.startswith("--") and word != app]
    status = _do((verb, words, ours, theirs), app, apps[app])
    (place / "apps.json").write_text(json.dumps(apps))
    return status


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    at = argv.index("--") if "--" in argv else len(argv)
    return argv[:at], argv[at + 1 :]


def _app(argv: list[str]) -> str:
    return argv[argv.index("--app") + 1] if "--app" in argv[:-1] else ""


def _do(call: _Call, app: str, known: dict[str, str]) -> int:
    verb, words, ours, theirs = call
    match verb, words:
        case "config:set", [_, *_] if all("=" in word for word in words):
            known |= dict(word.split("=", 1) for word in words)
            status = _told(known)
        case "config:unset", [_, *_]:
            for name in words:
                known.pop(name, None)
            status = _told(known)
        case "config:get", [name]:
            status = _say(known.get(name, ""))
        case "config", [] if "--json" in ours:
            status = _say(json.dumps(known))
        case "labs:enable", ["runtime-dyno-metadata"]:
            known["HEROKU_APP_NAME"] = app
            status = 0
        case "run", [] if theirs:
            status = _run(theirs, known)
        case "pg:psql", []:
            status = _psql(sys.stdin.read())
        case (("releases" | "logs" | "ps:restart" | "rollback"), _):
            status = 0
        case _:
            print(f"{verb} is not a heroku command.", file=sys.stderr)
            status = 2
    return status


def _say(text: str) -> int:
    print(text)
    return 0


def _told(known: dict[str, str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        for name, value in known.items():
            print(f"{name}: {value}", file=stream)
    return 0


def _run(command: list[str], known: dict[str, str]) -> int:
    """A one-off dyno: the app's variables, without the made-up secrets."""
    told = {name: value for name, value in known.items() if name not in SECRETS}
    rest = {name: value for name, value in os.environ.items() if not name.startswith("FLAG_")}
    return subprocess.run(command, env=rest | told).returncode


def _psql(statement: str) -> int:
    from tests.processes import raw_sql

    for row in raw_sql.rows(statement, os.environ["DATABASE_URL"]):
        print(*row, sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
