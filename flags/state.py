"""The state of flags as the database has it now: what pages, `flip()` and the policy go by.

Never the per-process store: two workers would disagree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings

from flags import config_vars, runtime
from flags.declarations import Declaration, Declarations, is_key
from flags.errors import UndeclaredFlag
from flags.heroku.reported import Reported, console_of
from flags.layers import Resolution, Source, resolve
from flags.models import DeclaredFlag, FeatureFlag


@dataclass(frozen=True, slots=True)
class Environment:
    """What this deployment knows of an environment besides its DB rows.

    ``FLAG_*`` variables and the YAML file answer for the deployment's own environment alone. The
    other one's defaults are its declared rows, and its config vars are what its console reported
    last (`told`); `config_vars` is None where it never did. The switch of the DB layer is such a
    variable, too: not reported, it counts as on.
    """

    name: str
    declarations: Declarations
    config_vars: Mapping[str, bool] | None
    db_layer: bool
    told: Reported | None = None

    @property
    def is_own(self) -> bool:
        return self.name == settings.CONSOLE_ENV

    def ignores_config_var(self, key: str) -> bool:
        """Whether the flag's config var is set, as far as is known, to what is no boolean."""
        if self.told is None:
            return self.is_own and bool(config_vars.not_understood([key]))
        return key in self.told.found and self.told.found[key].value is None

    def state(self, key: str, row: FeatureFlag | None) -> "FlagState":
        """The state of `key`, which is declared here, given its DB row."""
        declaration = self.declarations[key]
        resolution = resolve(
            db=bool(row.value) if row and self.db_layer else None,
            env=self.config_vars.get(key) if self.config_vars else None,
            yaml=declaration.default,
        )
        return FlagState(self, declaration, resolution, row)


@dataclass(frozen=True, slots=True)
class FlagState:
    """One flag in one environment: declaration, resolution, and the DB row, dormant or not."""

    environment: Environment
    declaration: Declaration
    resolution: Resolution
    row: FeatureFlag | None

    @property
    def key(self) -> str:
        return self.declaration.key

    @property
    def env(self) -> str:
        return self.environment.name

    @property
    def value(self) -> bool:
        return self.resolution.value

    @property
    def source(self) -> Source:
        return self.resolution.source

    def is_set_to(self, value: bool) -> bool:
        """Whether a DB row gives this very value, so that a flip to it has nothing to do."""
        return self.source is Source.DB and self.value == value

    @property
    def seen(self) -> str:
        """What an operator saw, as an opaque token: the row's version and value, or the winning
        layer and value where there is no row. `flip()` compares and swaps on both."""
        version = ""
        if self.source is Source.DB and self.row and self.row.change_id:
            version = self.row.change_id.hex
        return f"{self.source}:{version}:{int(self.value)}"


def environment(name: str, keys: Iterable[str] | None = None) -> Environment:
    """What is known of environment `name`; with `keys`, at least of those flags."""
    if name == settings.CONSOLE_ENV:
        declared = runtime.declared()
        on = settings.FLAG_CONSOLE_FEATURE_FLAGS_DB
        return Environment(name, declared, config_vars.read(declared), db_layer=on)
    rows = DeclaredFlag.objects.filter(env=name)
    if keys is not None:
        # PostgreSQL takes no NUL, and what is no key is declared nowhere.
        rows = rows.filter(flag_key__in=[key for key in keys if is_key(key)])
    declared = {row.flag_key: row.declaration for row in rows}
    told = console_of(name)
    if told is None:
        return Environment(name, declared, None, db_layer=True)
    return Environment(name, declared, told.values, db_layer=told.db_layer, told=told)


def without_database(name: str) -> Environment:
    """What is known of environment `name` while the database does not answer: of the deployment's
    own its config vars and YAML, of the other one what this release's YAML declares."""
    declared = runtime.declared()
    is_own = name == settings.CONSOLE_ENV
    told = config_vars.read(declared) if is_own else None
    on = settings.FLAG_CONSOLE_FEATURE_FLAGS_DB if is_own else True
    return Environment(name, declared, told, db_layer=on)


def read_state(key: str, env: str) -> FlagState:
    """The state of one flag now, from the database. Raises UndeclaredFlag."""
    where = environment(env, [key])
    if key not in where.declarations:
        raise UndeclaredFlag(key, env)
    return where.state(key, FeatureFlag.objects.filter(flag_key=key, env=env).first())


def read_states(env: str, keys: Iterable[str] | None = None) -> dict[str, FlagState]:
    """The states of the declared ones of `keys` (None: of all), with one query for the rows."""
    where = environment(env, keys)
    wanted = where.declarations if keys is None else [k for k in keys if k in where.declarations]
    rows = FeatureFlag.objects.filter(env=env)
    if keys is not None:
        rows = rows.filter(flag_key__in=wanted)
    by_key = {row.flag_key: row for row in rows}
    return {key: where.state(key, by_key.get(key)) for key in wanted}
