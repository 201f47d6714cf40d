"""The order of the layers: db, then env, then yaml."""

import itertools

import pytest

from flags.layers import Source, resolve

ANSWERS = (True, False, None)


def _expected(db: bool | None, env: bool | None, yaml: bool) -> tuple[bool, Source]:
    """The runbook's section 1, written as a table."""
    table = {
        (True, True): (True, Source.DB),
        (True, False): (True, Source.DB),
        (True, None): (True, Source.DB),
        (False, True): (False, Source.DB),
        (False, False): (False, Source.DB),
        (False, None): (False, Source.DB),
        (None, True): (True, Source.ENV),
        (None, False): (False, Source.ENV),
        (None, None): (yaml, Source.YAML),
    }
    return table[db, env]


@pytest.mark.parametrize(
    ("db", "env", "yaml"), list(itertools.product(ANSWERS, ANSWERS, (True, False)))
)
def test_the_first_layer_that_has_an_answer_wins(db, env, yaml):
    said = resolve(db=db, env=env, yaml=yaml)
    value, source = _expected(db, env, yaml)
    assert said.value is value
    assert said.source is source
    assert said.layers == {"db": db, "env": env, "yaml": yaml}


def test_the_layers_are_called_db_env_and_yaml():
    assert [str(source) for source in Source] == ["db", "env", "yaml"]


def test_a_resolution_cannot_be_changed():
    with pytest.raises(AttributeError):
        resolve(db=None, env=None, yaml=True).value = False  # type: ignore[misc]
