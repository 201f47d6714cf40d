"""`create_service_token`, `revoke_service_token` and `service_tokens`."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from audit.commits import OutcomeUnknown
from audit.models import AuditEntry
from flags.models import ServiceToken
from flags.ofrep import tokens
from tests.pages import nothing_changed

pytestmark = pytest.mark.django_db

TOLD = ("raptor-reads", "--env", "staging", "--app", "raptor-staging")
REVOKE = ("revoke_service_token", "raptor-reads", "--env", "staging")


def run(*arguments: str) -> tuple[str, str]:
    """What the command writes to standard output and to standard error."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_secret_alone_is_on_standard_output_so_that_it_can_be_piped(declared):
    out, err = run("create_service_token", *TOLD)
    assert re.fullmatch(r"raxx_st_[0-9a-f]{64}\n", out)
    assert out.strip() not in err and "shown this once" in " ".join(err.split())
    entry = AuditEntry.objects.get()
    assert (entry.channel, entry.admin) == ("cli", None)
    assert ServiceToken.objects.get().created_by is None


def test_without_an_app_it_is_the_one_of_its_name(declared):
    told = json.loads(run("create_service_token", "raptor", "--env", "prod", "--json")[0])
    assert (told["name"], told["app"], told["env"]) == ("raptor", "raptor", "prod")


def test_as_an_operator_it_is_theirs(superadmin):
    run("create_service_token", *TOLD, "--as", "alice")
    assert ServiceToken.objects.get().created_by == superadmin
    run(*REVOKE, "--as", "alice")
    assert ServiceToken.objects.get().revoked_by == superadmin


def test_in_json_there_is_all_that_a_program_needs(declared):
    told = json.loads(run("create_service_token", *TOLD, "--json")[0])
    assert told.keys() == {"name", "env", "app", "secret"}
    [listed] = json.loads(run("service_tokens", "--json")[0])
    assert listed["ends_in"] == told["secret"][-4:]
    assert (listed["revoked_at"], listed["last_used_at"], listed["created_by"]) == (None,) * 3
    assert told["secret"] not in str(listed)
    assert ServiceToken.objects.get().secret_hash not in str(listed)


def test_the_list_is_in_words_and_by_environment(declared):
    assert "none yet" in run("service_tokens")[0]
    run("create_service_token", *TOLD)
    run("create_service_token", "a", "--env", "staging")
    header, *lines = run("service_tokens", "--env", "staging")[0].splitlines()
    assert header.split() == ["NAME", "ENV", "APP", "ENDS", "IN", "STATE", "LAST", "USED"]
    hints = ServiceToken.objects.order_by("name").values_list("hint", flat=True)
    assert [line.split() for line in lines] == [
        ["a", "staging", "a", hints[0], "live", "never"],
        ["raptor-reads", "staging", "raptor-staging", hints[1], "live", "never"],
    ]
    for title, cells in {"APP": ("a ", "raptor-staging "), "LAST USED": ("never",) * 2}.items():
        at = header.index(title)
        assert all(line[at:].startswith(cell) for line, cell in zip(lines, cells, strict=True))
    assert "none yet" in run("service_tokens", "--env", "prod")[0]
    run(*REVOKE)
    assert "revoked " in run("service_tokens")[0]


def test_revoked_is_revoked_once(declared):
    run("create_service_token", *TOLD)
    assert "reads no flags of staging any more" in run(*REVOKE)[0]
    for arguments in (REVOKE, ("revoke_service_token", "nobody", "--env", "prod")):
        with nothing_changed(), pytest.raises(CommandError, match="no live service token"):
            run(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("Bad Name", *TOLD[1:]),
        ("x", "--env", "dev", "--app", "y"),
        ("x", "--env", "staging", "--app", " "),
        (*TOLD, "--as", "bob"),
        (*TOLD, "--as", "nobody"),
    ],
)
def test_what_is_refused_is_told_and_writes_nothing(ops, arguments):
    with nothing_changed(), pytest.raises(CommandError) as refused:
        run("create_service_token", *arguments)
    assert str(refused.value).strip()


def test_a_database_that_fails_is_one_line(declared, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(tokens.ServiceToken.objects, "filter", fail)
    for arguments, so in (
        (("create_service_token", *TOLD), "No token was made."),
        (REVOKE, "Nothing was revoked: the token is as good as before."),
        (("service_tokens",), "This command only reads: nothing was changed."),
    ):
        with pytest.raises(CommandError) as failed:
            run(*arguments)
        assert failed.value.returncode == 1
        assert "The database does not answer" in str(failed.value)
        assert str(failed.value).endswith(so) and "\n" not in str(failed.value)


def test_of_a_token_that_may_have_been_made_nobody_has_the_secret(declared, monkeypatch):
    def fail(*args, **kwargs):
        raise OutcomeUnknown(AuditEntry(pk=7, action="console.service_token.created"))

    monkeypatch.setattr(tokens, "_record", fail)
    with pytest.raises(CommandError, match="not known whether") as failed:
        run("create_service_token", *TOLD)
    assert str(failed.value).endswith("a secret that nobody was told: revoke it.")
    assert "No token was made" not in str(failed.value)
