"""`flag_required`: views that are there only while a flag is on."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.http import Http404
from django.shortcuts import redirect
from django.views import View

import flags

Viewed = TypeVar("Viewed", bound=Callable[..., Any])
Otherwise = Callable[..., Any] | str


def flag_required(key: str, *, otherwise: Otherwise | None = None) -> Callable[[Viewed], Viewed]:
    """Decorate a view, sync or async, a class-based view, or (by `method_decorator`) a method of
    one: while flag `key` is off it answers 404, or as `otherwise` says.

    `otherwise` is a view, which is called with the same arguments, or the URL name, path or address
    to redirect to. The flag is asked at each request, never at import. An undeclared key raises
    UndeclaredFlag under DEBUG and in tests; in production it counts as off. Raises TypeError for a
    key that is no text, such as the view itself where the parentheses were forgotten.
    """
    if not isinstance(key, str):
        raise TypeError(f'flag_required takes the flag\'s key: @flag_required("key"), not {key!r}')

    def decorate(view: Viewed) -> Viewed:
        if isinstance(view, type) and issubclass(view, View):
            # Of its own, also where it inherits the method.
            cast(Any, view).dispatch = _method(view.dispatch, key, otherwise)
            return cast(Viewed, view)
        return cast(Viewed, _function(view, key, otherwise))

    return decorate


def _function(view: Any, key: str, otherwise: Otherwise | None) -> Any:
    if iscoroutinefunction(view):

        @functools.wraps(view)
        async def asked_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            if flags.is_on(key):
                return await view(request, *args, **kwargs)
            return await _answer_async(otherwise, request, args, kwargs)

        return asked_async

    @functools.wraps(view)
    def asked(request: Any, *args: Any, **kwargs: Any) -> Any:
        if flags.is_on(key):
            return view(request, *args, **kwargs)
        # What `method_decorator` hands over is a partial of a method.
        instance = getattr(getattr(view, "func", None), "__self__", None)
        return _answer_for(instance, otherwise, request, args, kwargs)

    return asked


def _method(dispatch: Any, key: str, otherwise: Otherwise | None) -> Any:
    @functools.wraps(dispatch)
    def asked(self: View, request: Any, *args: Any, **kwargs: Any) -> Any:
        if flags.is_on(key):
            return dispatch(self, request, *args, **kwargs)
        return _answer_for(self, otherwise, request, args, kwargs)

    return asked


def _answer_for(
    view: Any, otherwise: Otherwise | None, request: Any, args: Any, kwargs: Any
) -> Any:
    """Of a class-based view with async handlers, whose `dispatch` is awaited, a coroutine."""
    if getattr(view, "view_is_async", False):
        return _answer_async(otherwise, request, args, kwargs)
    return _answer(otherwise, request, args, kwargs)


def _answer(otherwise: Otherwise | None, request: Any, args: Any, kwargs: Any) -> Any:
    if otherwise is None:
        raise Http404
    if isinstance(otherwise, str):
        return redirect(otherwise)
    if iscoroutinefunction(otherwise):
        return async_to_sync(otherwise)(request, *args, **kwargs)
    return otherwise(request, *args, **kwargs)


async def _answer_async(otherwise: Otherwise | None, request: Any, args: Any, kwargs: Any) -> Any:
    if iscoroutinefunction(otherwise):
        return await cast(Any, otherwise)(request, *args, **kwargs)
    # A sync view may ask the database.
    return await sync_to_async(_answer)(otherwise, request, args, kwargs)
