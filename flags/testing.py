"""For tests of code that asks `flags.is_on()`: `override_flag`, and `inline_store`."""

import contextlib
import functools
import inspect
import unittest
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self, TypeVar, cast

from flags import overriding, runtime
from flags.layers import Resolution
from flags.refresher import RowSource
from flags.store import Snapshot, Store
from flags.values import Values

Decorated = TypeVar("Decorated", bound=Callable[..., Any] | type)


class override_flag:  # noqa: N801 - reads as what it does, as Django's override_settings
    """Have flag `key` be `value` for `flags.is_on()`, `flags.explain()`, `{% if_flag %}` and
    `flag_required`, whatever database, config var and YAML say. Writes nothing.

    A context manager (`with`, `async with`), and a decorator of functions, coroutine functions,
    generators, `unittest` and Django test cases (all of a class, `setUpClass` too) and plain test
    classes (which pytest runs). It holds in the task or thread where it begins and in what is
    started there; threads and tasks without one of their own see the latest one of the process.
    They nest, and may end in any order.

    Raises UndeclaredFlag as it begins, for a key that nobody declares; TypeError for a value that
    is no bool. Pages, commands and `flip()` read rows, and are not overridden.
    """

    def __init__(self, key: str, value: bool) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"override_flag({key!r}, …) takes True or False, not {value!r}")
        self.key, self.value = key, value
        self._begun: list[list[overriding.Override]] = []

    def __enter__(self) -> Self:
        self._begun.append(overriding.begin({self.key: self.value}))
        return self

    def __exit__(self, *raised: object) -> None:
        # Another thread may have begun it, too, and must keep its own.
        mine = [each for each in self._begun if overriding.is_mine(each)] or self._begun
        self._begun.remove(begun := mine[-1])
        overriding.end(begun)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *raised: object) -> None:
        self.__exit__(*raised)

    def __call__(self, decorated: Decorated) -> Decorated:
        if isinstance(decorated, type):
            return cast(Decorated, _decorate_class(decorated, self))
        return cast(Decorated, _decorate_function(decorated, self))

    def again(self) -> "override_flag":
        """One of its own for each call of what it decorates: calls may overlap."""
        return override_flag(self.key, self.value)


def _decorate_function(function: Callable[..., Any], override: override_flag) -> Any:
    wrapper: Any
    if inspect.iscoroutinefunction(function):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with override.again():
                return await function(*args, **kwargs)

    elif inspect.isasyncgenfunction(function):

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            with override.again():
                async with contextlib.aclosing(function(*args, **kwargs)) as generator:
                    async for each in generator:
                        yield each

    elif inspect.isgeneratorfunction(function):

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with override.again():
                return (yield from function(*args, **kwargs))

    else:

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with override.again():
                return function(*args, **kwargs)

    return functools.wraps(function)(wrapper)


def _decorate_class(case: Any, override: override_flag) -> Any:
    """The decorator that stands next to the class is the last to begin, as with functions."""
    case._flag_overrides = (override, *vars(case).get("_flag_overrides", ()))
    if not issubclass(case, unittest.TestCase):
        return _with_fixture(case)
    set_up = case.setUpClass.__func__
    if not hasattr(set_up, "_overrides_flags"):

        @functools.wraps(set_up)
        def set_up_overridden(cls: Any) -> None:
            stack = ExitStack()
            cls.addClassCleanup(stack.close)
            _enter_all(cls, stack)
            set_up(cls)

        cast(Any, set_up_overridden)._overrides_flags = True
        case.setUpClass = classmethod(set_up_overridden)
    return case


def _with_fixture(case: Any) -> Any:
    """Plain classes are tests to pytest alone: it begins their overrides before the first test."""
    import pytest

    def while_the_class_runs(cls: type) -> Iterator[None]:
        with ExitStack() as stack:
            _enter_all(cls, stack)
            yield

    fixture: Any = pytest.fixture(autouse=True, scope="class", name="_flag_overrides_fixture")
    case._flag_overrides_fixture = fixture(classmethod(while_the_class_runs))
    set_up = getattr(vars(case).get("setup_class"), "__func__", None)
    if set_up is not None:
        # pytest calls it before any fixture.
        @functools.wraps(set_up)
        def set_up_overridden(cls: type) -> None:
            with ExitStack() as stack:
                _enter_all(cls, stack)
                set_up(cls)

        case.setup_class = classmethod(set_up_overridden)
    return case


def _enter_all(case: type, stack: ExitStack) -> None:
    """A subclass's own begin after those that it inherits, and so win."""
    for each in reversed(case.__mro__):
        for override in vars(each).get("_flag_overrides", ()):
            stack.enter_context(override.again())


class _DjangoConnectionSource(RowSource):
    """Rows through Django's own connection, so that a test's transaction is seen. Nothing is to be
    closed: the connection is Django's."""

    def __init__(self, env: str) -> None:
        self._env = env

    def load(self) -> Mapping[str, bool]:
        from flags.models import FeatureFlag

        rows = FeatureFlag.objects.filter(env=self._env).values_list("flag_key", "value")
        return {key: bool(value) for key, value in rows}


class InlineStore(Store):
    """A store without its thread: every read loads, on the caller's connection. Strict."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._table.values.keep_out(self._declarations)

    def fill(self, values: Values | None) -> None:
        """It fills no table: every read of one is a miss, and comes here."""

    def explain(self, key: str) -> Resolution:
        self._load()
        return super().explain(key)

    def snapshot(self) -> Snapshot:
        # As a thread would have left it: what is known last, where the database is away.
        with contextlib.suppress(Exception):
            self._load()
        return super().snapshot()

    def begin(self) -> None:
        """There is no thread to start."""

    def _load(self) -> None:
        if self.source:
            self._keeper.publish(self.source.load(), by=None, age=0.0)
        else:
            self._keeper.publish_last_known(None)


@contextmanager
def inline_store() -> Iterator[InlineStore]:
    """Have `flags.is_on()` read through the test's own connection and transaction.

    A refresher thread with a connection of its own would not see what the test has not committed,
    and would outlive it. In a project that reads over HTTP (`flags.reader`) nothing is asked: its
    `FLAG_*` variables and its YAML answer. An undeclared key raises UndeclaredFlag.
    """
    from django.apps import apps
    from django.conf import settings

    env = getattr(settings, "CONSOLE_ENV", "this service")
    has_rows = apps.is_installed("flags") and settings.FLAG_CONSOLE_FEATURE_FLAGS_DB
    source = _DjangoConnectionSource(env) if has_rows else None
    store = InlineStore(env, runtime.declared(), source, strict=True)
    before = runtime.replace_store(store)
    try:
        yield store
    finally:
        runtime.replace_store(before)
