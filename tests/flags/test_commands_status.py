"""`flag_status`: value, source, and every layer's answer."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from flags import runtime
from flags.models import FeatureFlag

pytestmark = pytest.mark.django_db

KEY = "console_billing"


@pytest.fixture(autouse=True)
def _declared(declared):
    """Both environments as after the release phase."""


def status(*arguments: str) -> str:
    out = io.StringIO()
    call_command("flag_status", *arguments, stdout=out)
    return out.getvalue()


def answer(*arguments: str) -> dict:
    [only] = json.loads(status(KEY, "--json", *arguments))
    return only


def line(*arguments: str) -> list[str]:
    [found] = [text for text in status(*arguments).splitlines() if text.startswith(KEY)]
    return found.split()


def test_every_declared_flag_has_a_line():
    lines = status().splitlines()
    assert lines[0].split() == ["flag", "env", "value", "source", "db", "env", "yaml", "risk"]
    assert [text.split()[0] for text in lines[1:]] == list(runtime.declared())


def test_the_json_list_has_every_flag_with_every_layer():
    flags = json.loads(status("--json"))
    assert [flag["flag"] for flag in flags] == list(runtime.declared())
    assert all(set(flag["layers"]) == {"db", "env", "yaml"} for flag in flags)


def test_one_flag_alone():
    assert len(status(KEY).splitlines()) == 2
    assert answer() == {
        "flag": KEY,
        "env": "staging",
        "value": False,
        "source": "yaml",
        "layers": {"db": None, "env": None, "yaml": False},
        "env_layer_known": True,
        "db_layer_known": True,
        "risk": "low",
    }


def test_each_layer_says_its_own(monkeypatch):
    FeatureFlag.objects.create(flag_key=KEY, env="staging", value=0)
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "on")
    assert line() == [KEY, "staging", "off", "db", "off", "on", "off", "low"]
    said = answer()
    assert (said["value"], said["source"]) == (False, "db")
    assert said["layers"] == {"db": False, "env": True, "yaml": False}


def test_a_config_var_answers_where_there_is_no_row(monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "1")
    assert line() == [KEY, "staging", "on", "env", "-", "on", "off", "low"]


def test_of_the_other_environment_the_env_layer_is_not_known(monkeypatch):
    monkeypatch.setenv("FLAG_CONSOLE_BILLING", "1")
    assert line("--env", "prod") == [KEY, "prod", "off", "yaml", "-", "?", "off", "low"]
    said = answer("--env", "prod")
    assert (said["env_layer_known"], said["layers"]["env"]) == (False, None)


def test_a_row_of_the_other_environment_is_not_mixed_up():
    FeatureFlag.objects.create(flag_key=KEY, env="prod", value=1)
    assert answer()["layers"]["db"] is None
    assert answer("--env", "prod")["layers"]["db"] is True


def test_while_the_database_layer_is_off_it_says_so_and_rows_do_not_answer(settings):
    FeatureFlag.objects.create(flag_key=KEY, env="staging", value=1)
    settings.FLAG_CONSOLE_FEATURE_FLAGS_DB = False
    assert status().startswith("The database layer is off")
    said = answer()
    assert (said["value"], said["source"], said["layers"]["db"]) == (False, "yaml", None)


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_an_undeclared_key_fails_with_the_way_out(arguments):
    with pytest.raises(CommandError, match="'no_such_flag' is not declared in staging: add it"):
        status("no_such_flag", *arguments)


def test_an_environment_that_is_not_served_fails(settings):
    settings.CONSOLE_ENVIRONMENTS = ("staging",)
    with pytest.raises(CommandError, match="use a shell of raxx-console-prod"):
        status("--env", "prod")


# Of the other environment: its declared flags, and what its console reported.
@pytest.mark.parametrize(("env", "queries"), [("staging", 1), ("prod", 4)])
def test_it_makes_a_constant_number_of_queries(django_assert_num_queries, env, queries):
    with django_assert_num_queries(queries):
        status("--env", env)
