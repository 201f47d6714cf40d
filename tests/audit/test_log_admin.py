"""The log in the admin: to look at, whoever asks. What its addresses answer: test_audit_page.py."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from audit.models import AuditEntry, AuditLink
from tests.audit.test_record import write


@pytest.mark.parametrize("who", ["ops", "superadmin", "superuser"])
def test_nobody_may_add_change_or_delete_an_entry(request, who):
    asked = RequestFactory().get("/console/audit")
    asked.user = request.getfixturevalue(who)
    page = admin.site.get_model_admin(AuditEntry)
    for entry in (None, write()):
        assert not page.has_add_permission(asked)
        assert not page.has_change_permission(asked, entry)
        assert not page.has_delete_permission(asked, entry)
    assert page.has_view_permission(asked)
    assert page.get_actions(asked) == {}


def test_there_is_no_permission_to_give_for_it(db):
    from django.contrib.auth.models import Permission

    found = Permission.objects.filter(content_type__app_label="audit")
    assert set(found.values_list("codename", flat=True)) == {"view_auditentry"}


def test_the_links_of_the_chain_have_no_page():
    assert not admin.site.is_registered(AuditLink)
