"""The layers of a flag's value: db, then env, then yaml (runbook section 1). Plain Python."""

from dataclasses import dataclass
from enum import StrEnum


def word(value: bool) -> str:
    """A value as people read and type it: "on" or "off"."""
    return "on" if value else "off"


class Source(StrEnum):
    """The layer that a value comes from."""

    DB = "db"
    ENV = "env"
    YAML = "yaml"


class NoLayer(StrEnum):
    """What stands in a layer's place where none was asked."""

    OVERRIDE = "override"
    """A test said so (`flags.testing.override_flag`)."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """A flag's value, the layer it came from, and what every layer said (None: no answer).

    In a test that overrides the flag `source` is `NoLayer.OVERRIDE`.
    """

    value: bool
    source: Source
    db: bool | None
    env: bool | None
    yaml: bool

    @property
    def layers(self) -> dict[str, bool | None]:
        return {"db": self.db, "env": self.env, "yaml": self.yaml}


def resolve(*, db: bool | None, env: bool | None, yaml: bool) -> Resolution:
    """The first layer that has an answer wins."""
    if db is not None:
        return Resolution(db, Source.DB, db, env, yaml)
    if env is not None:
        return Resolution(env, Source.ENV, db, env, yaml)
    return Resolution(yaml, Source.YAML, db, env, yaml)
