"""A POST whose body is sent slowly acts with what its sender is when it is complete."""

import socket
from urllib.parse import urlencode, urlsplit

import pytest

from accounts.models import OperatorSession, User
from flags.models import FeatureFlag
from tests.codes import code_of, enrolled
from tests.conftest import PASSWORD
from tests.pages import HIGH, flip_form, flip_url
from tests.processes.operators import make_operator
from tests.processes.server import web_server
from tests.processes.session import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def elevated(declared):
    """An elevated superadmin's session on a real server."""
    make_operator("erin", "superadmin")
    device = enrolled(User.objects.get(username="erin"))
    with web_server(workers=1) as base:
        session = Session(base, "erin", PASSWORD)
        session.post("/console/elevate", token=code_of(device))
        assert "data-elevated-seconds" in session.get("/console/").text
        yield session


def post_slowly(session: Session, path: str, fields: dict[str, str], meanwhile) -> int:
    """Send the head and a part of the form, let that happen, send the rest. The status."""
    server = urlsplit(session.base)
    form = urlencode({"csrfmiddlewaretoken": session.token, **fields}).encode()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {server.netloc}\r\nCookie: {cookies}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
        f"Content-Length: {len(form)}\r\n\r\n"
    )
    with socket.create_connection((server.hostname, server.port), timeout=30) as connection:
        connection.sendall(head.encode() + form[:9])
        # A look at another page: the server has begun with the first request by then.
        session.get("/console/")
        meanwhile()
        connection.sendall(form[9:])
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1])


@pytest.mark.parametrize(
    ("meanwhile", "status"),
    [
        (lambda: None, 303),
        (lambda: OperatorSession.objects.update(elevated_at=None), 403),
        (lambda: OperatorSession.objects.all().delete(), 302),
        (lambda: User.objects.update(is_active=False), 302),
    ],
    ids=["nothing", "dropped", "signed out", "deactivated"],
)
def test_what_ended_before_the_body_came_is_over_for_it(elevated, meanwhile, status):
    fields = flip_form(HIGH)
    assert post_slowly(elevated, flip_url(HIGH), fields, meanwhile) == status
    assert FeatureFlag.objects.exists() is (status == 303)
