"""The endpoints against their own OpenAPI document, by schemathesis: what it makes of the document,
with real keys and a good token. No server error, no status and no body that is not documented."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from flags import runtime
from tests.processes.ofrep import new_token
from tests.processes.server import ROOT, web_server
from tests.sizes import size

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(size(120, 900)),
]

DOCUMENT = ROOT / "docs/ofrep.openapi.yaml"
EXAMPLES = size(60, 1000)


def with_real_keys(directory: Path) -> Path:
    """The document, in which a key is often one that is declared."""
    document = yaml.safe_load(DOCUMENT.read_text())
    one = document["paths"]["/ofrep/v1/evaluate/flags/{key}"]["post"]
    [key] = one["parameters"]
    key["schema"] = {"anyOf": [{"enum": list(runtime.declared())}, key["schema"]]}
    file = directory / "ofrep.json"
    file.write_text(json.dumps(document))
    return file


def test_no_answer_is_a_server_error_or_is_not_documented(declared, tmp_path):
    secret = new_token("schemathesis")
    with web_server(workers=2, OFREP_REQUESTS_PER_MINUTE="0") as base:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", str(with_real_keys(tmp_path))),
                *("--url", base, "--header", f"Authorization: Bearer {secret}"),
                *("--checks", "all", "--phases", "examples,coverage,fuzzing"),
                *("--max-examples", str(EXAMPLES), "--generation-database", "none"),
                *("--seed", "7" if EXAMPLES < 100 else "0", "--continue-on-failure"),
                *("--report", "har", "--report-dir", str(tmp_path), "--warnings", "off"),
            ],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=size(100, 800),
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    asked = statuses(tmp_path)
    print(dict(asked))
    assert {200, 400, 401, 404, 405} <= set(asked), "it came by all of these"
    assert asked[200] >= EXAMPLES // 4


def statuses(directory: Path) -> Counter[int]:
    """How often each status was answered."""
    [report] = directory.glob("har-*.json")
    entries = json.loads(report.read_text())["log"]["entries"]
    return Counter(entry["response"]["status"] for entry in entries)
