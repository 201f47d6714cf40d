"""`flag_required`: sync and async views, classes and methods; 404 or another answer."""

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import Http404, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

import flags
from flags.decorators import flag_required
from flags.testing import override_flag

KEY = "console_billing"


def other(request, *args, **kwargs):
    return HttpResponse(f"other {args} {kwargs}")


async def other_async(request, *args, **kwargs):
    return HttpResponse(f"other {args} {kwargs}")


def _sync(otherwise=None):
    @flag_required(KEY, otherwise=otherwise)
    def view(request, *args, **kwargs):
        return HttpResponse(f"view {args} {kwargs}")

    return view


def _async(otherwise=None):
    @flag_required(KEY, otherwise=otherwise)
    async def view(request, *args, **kwargs):
        return HttpResponse(f"view {args} {kwargs}")

    return view


def _class(otherwise=None):
    @flag_required(KEY, otherwise=otherwise)
    class Page(View):
        def get(self, request, *args, **kwargs):
            return HttpResponse(f"view {args} {kwargs}")

    return Page.as_view()


def _async_class(otherwise=None):
    @flag_required(KEY, otherwise=otherwise)
    class Page(View):
        async def get(self, request, *args, **kwargs):
            return HttpResponse(f"view {args} {kwargs}")

    return Page.as_view()


def _dispatch(otherwise=None):
    @method_decorator(flag_required(KEY, otherwise=otherwise), name="dispatch")
    class Page(View):
        def get(self, request, *args, **kwargs):
            return HttpResponse(f"view {args} {kwargs}")

    return Page.as_view()


def _async_dispatch(otherwise=None):
    @method_decorator(flag_required(KEY, otherwise=otherwise), name="dispatch")
    class Page(View):
        async def get(self, request, *args, **kwargs):
            return HttpResponse(f"view {args} {kwargs}")

    return Page.as_view()


def _method(otherwise=None):
    class Page(View):
        @method_decorator(flag_required(KEY, otherwise=otherwise))
        def get(self, request, *args, **kwargs):
            return HttpResponse(f"view {args} {kwargs}")

    return Page.as_view()


def _async_method(otherwise=None):
    class Page(View):
        @method_decorator(flag_required(KEY, otherwise=otherwise))
        async def get(self, request, *args, **kwargs):
            return HttpResponse(f"view {args} {kwargs}")

    return Page.as_view()


SYNC = pytest.mark.parametrize("make", [_sync, _class, _dispatch, _method])
ASYNC = pytest.mark.parametrize("make", [_async, _async_class, _async_dispatch, _async_method])
OTHERWISE = pytest.mark.parametrize("otherwise", [other, other_async])
ARGUMENTS = ((1,), {"two": 2})


def ask(view):
    return view(RequestFactory().get("/"), 1, two=2)


async def ask_async(view):
    return await view(AsyncRequestFactory().get("/"), 1, two=2)


def _home(request):
    return HttpResponse()


urlpatterns = [path("home", _home, name="home")]
REDIRECTS = pytest.mark.parametrize(
    ("to", "location"),
    [("home", "/home"), ("/plans", "/plans"), ("https://example.org/", "https://example.org/")],
)


@SYNC
def test_a_view_answers_while_the_flag_is_on_and_404_while_it_is_off(make):
    view = make()
    assert not iscoroutinefunction(view)
    with override_flag(KEY, True):
        assert ask(view).content == b"view (1,) {'two': 2}"
    with override_flag(KEY, False), pytest.raises(Http404):
        ask(view)


@ASYNC
@pytest.mark.asyncio
async def test_so_does_an_async_one_and_stays_a_coroutine_function(make):
    view = make()
    assert iscoroutinefunction(view)
    with override_flag(KEY, True):
        assert (await ask_async(view)).content == b"view (1,) {'two': 2}"
    with override_flag(KEY, False), pytest.raises(Http404):
        await ask_async(view)


@SYNC
@OTHERWISE
def test_another_view_answers_instead_with_the_same_arguments(make, otherwise):
    with override_flag(KEY, False):
        assert ask(make(otherwise)).content == b"other (1,) {'two': 2}"
    with override_flag(KEY, True):
        assert ask(make(otherwise)).content.startswith(b"view")


@ASYNC
@OTHERWISE
@pytest.mark.asyncio
async def test_so_of_an_async_one(make, otherwise):
    with override_flag(KEY, False):
        assert (await ask_async(make(otherwise))).content == b"other (1,) {'two': 2}"


@SYNC
@REDIRECTS
def test_or_a_redirect_to_a_name_a_path_or_an_address(make, to, location, settings):
    settings.ROOT_URLCONF = __name__
    with override_flag(KEY, False):
        answer = ask(make(to))
    assert (answer.status_code, answer["Location"]) == (302, location)


@ASYNC
@pytest.mark.asyncio
async def test_so_does_an_async_one_redirect(make, settings):
    settings.ROOT_URLCONF = __name__
    with override_flag(KEY, False):
        assert (await ask_async(make("home")))["Location"] == "/home"


def test_it_is_asked_at_each_request_and_never_at_import(monkeypatch):
    asked = []
    monkeypatch.setattr(flags, "is_on", lambda key: asked.append(key) or True)
    for make in (_sync, _class, _dispatch, _method):
        view = make()
        assert asked == []
        ask(view)
        ask(view)
        assert asked == [KEY, KEY]
        asked.clear()


@pytest.mark.parametrize("make", [_sync, _class])
def test_an_undeclared_key_is_none_before_the_first_request(make, monkeypatch):
    monkeypatch.setattr(f"{__name__}.KEY", "no_such_flag")
    view = make()
    with pytest.raises(flags.UndeclaredFlag):
        ask(view)


def test_a_view_keeps_its_name_its_text_and_what_other_decorators_noted():
    @flag_required(KEY)
    @csrf_exempt
    def view(request):
        """Its text."""

    assert (view.__name__, view.__doc__, view.csrf_exempt) == ("view", "Its text.", True)
    assert flag_required(KEY)(_class()).view_class.__name__ == "Page"


def test_a_class_keeps_them_too():
    @flag_required(KEY)
    @method_decorator(csrf_exempt, name="dispatch")
    class Page(View):
        """Its text."""

    assert (Page.__name__, Page.__doc__) == ("Page", "Its text.")
    assert Page.as_view().csrf_exempt is True


def test_decorators_may_stand_on_both_sides():
    @require_GET
    @flag_required(KEY)
    def view(request):
        return HttpResponse()

    with override_flag(KEY, False):
        assert view(RequestFactory().post("/")).status_code == 405
        with pytest.raises(Http404):
            view(RequestFactory().get("/"))


def test_a_subclass_is_guarded_and_a_decorated_one_leaves_its_parent_alone():
    class Parent(View):
        def get(self, request):
            return HttpResponse("parent")

    @flag_required(KEY)
    class Child(Parent):
        pass

    class Grandchild(Child):
        pass

    get = RequestFactory().get("/")
    with override_flag(KEY, False):
        assert Parent.as_view()(get).content == b"parent"
        for guarded in (Child, Grandchild):
            with pytest.raises(Http404):
                guarded.as_view()(get)


def test_without_its_parentheses_it_is_refused_at_import():
    with pytest.raises(TypeError, match="flag_required takes the flag's key"):

        @flag_required
        def view(request):
            """Never asked."""
