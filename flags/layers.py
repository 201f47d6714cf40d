"""The layers of a flag's value: db, then env, then yaml (runbook section 1). Plain Python."""

from dataclasses import dataclass
from enum import StrEnum


def word(value: bool) -> str:
    """A value as people read and type it: "on" or "off"."""
    return "on" if value else "off"


class Source(StrEnum):
    """Where a value comes from: one of LAYERS, or a test that overrides it."""

    DB = "db"
    ENV = "env"
    YAML = "yaml"
    OVERRIDE = "override"


LAYERS = (Source.DB, Source.ENV, Source.YAML)


@dataclass(frozen=True, slots=True)
class Resolution:
    """A flag's value, the layer it came from, and what every layer said (None: no answer)."""

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
