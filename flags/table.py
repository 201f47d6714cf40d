"""What a store knows, and where readers look it up. Plain Python.

It locks nothing: its store does.
"""

import time
from collections.abc import Callable, Mapping

from flags import config_vars
from flags.declarations import Declarations
from flags.layers import Resolution, resolve
from flags.values import Values


class Table:
    """Rows, what they resolve to with config vars and YAML, and the values that readers look up."""

    def __init__(self, declarations: Declarations, miss: Callable[[str], bool]) -> None:
        self._declarations = declarations
        self._miss = miss
        self.rows: Mapping[str, bool] = {}
        self.read_at: float | None = None
        """When the rows were read, by the clock that a fork does not set back; None: never."""
        self.values = Values(miss)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Know rows and their age alone, as in a child after a fork."""
        self.resolutions: Mapping[str, Resolution] = {}
        """By key; one object as long as nothing in it changes. Empty before the first `put`."""
        self._said: tuple[Mapping[str, bool], Mapping[str, bool]] | None = None
        self.values.begin_anew()

    def fill(self, values: Values | None) -> None:
        """Keep the values in `values` from now on, or (None) in a table of its own."""
        self.values = Values(self._miss) if values is None else values
        self._fill()

    def put(self, rows: Mapping[str, bool], *, age: float | None) -> None:
        """Have these rows answer, with the environment and the YAML as they are now. `age`: they
        were read so many seconds ago; None: nothing was read, they are the last known."""
        said = rows, config_vars.read(self._declarations)
        if said != self._said:
            self.resolutions = self._resolve(*said)
        self.rows, self._said = rows, said
        if age is not None:
            self.read_at = time.monotonic() - age
        self._fill()

    def last_known(self) -> Mapping[str, Resolution]:
        """What the last known rows resolve to, before anything was put."""
        return self._resolve(self.rows, config_vars.read(self._declarations))

    def _fill(self) -> None:
        self.values.fill({key: known.value for key, known in self.resolutions.items()})

    def _resolve(self, rows: Mapping[str, bool], env: Mapping[str, bool]) -> dict[str, Resolution]:
        return {
            key: resolve(db=rows.get(key), env=env.get(key), yaml=declaration.default)
            for key, declaration in self._declarations.items()
        }


def differing(before: Mapping[str, Resolution], after: Mapping[str, Resolution]) -> list[str]:
    """The keys whose value is another one, or was none."""
    if before is after:
        return []
    return [key for key in after if key not in before or before[key].value is not after[key].value]
