"""`override_flag` on classes: Django's test cases, asyncio's, and plain ones that pytest runs."""

import unittest

import pytest
from django.test import SimpleTestCase, TestCase

import flags
from flags import overriding
from flags.testing import override_flag

KEY, OTHER = "console_billing", "raptor_cursor_paging"  # off and on by default


@override_flag(KEY, True)
class DjangoCaseTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.before = flags.is_on(KEY)

    def test_all_of_the_class(self):
        assert (self.before, flags.is_on(KEY)) == (True, True)

    @override_flag(KEY, False)
    def test_a_method_by_itself(self):
        assert flags.is_on(KEY) is False

    async def test_an_async_one(self):
        assert flags.is_on(KEY) is True


@override_flag(KEY, False)
@override_flag(OTHER, False)
class InheritingTest(DjangoCaseTest):
    test_all_of_the_class = test_an_async_one = None

    def test_the_subclass_wins(self):
        assert (self.before, flags.is_on(KEY), flags.is_on(OTHER)) == (False, False, False)


class InheritingOnlyTest(DjangoCaseTest):
    def test_it_inherits(self):
        assert flags.is_on(KEY) is True


@override_flag(KEY, True)
class AsyncioCaseTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.before = flags.is_on(KEY)

    async def test_all_of_the_class(self):
        assert (self.before, flags.is_on(KEY)) == (True, True)


class AfterwardsTest(SimpleTestCase):
    def test_it_ended_with_its_class(self):
        assert overriding.in_force() == []


@override_flag(KEY, True)
class TestPlainClass:
    @classmethod
    def setup_class(cls):
        cls.before_all = flags.is_on(KEY)

    def setup_method(self):
        self.before = flags.is_on(KEY)

    def test_all_of_the_class(self):
        assert (self.before_all, self.before, flags.is_on(KEY)) == (True, True, True)

    @override_flag(KEY, False)
    def test_a_method_by_itself(self):
        assert flags.is_on(KEY) is False

    @pytest.mark.asyncio
    async def test_an_async_one(self):
        assert flags.is_on(KEY) is True


@override_flag(KEY, False)
class TestPlainSubclass(TestPlainClass):
    test_all_of_the_class = test_an_async_one = None

    def test_the_subclass_wins(self):
        assert (self.before_all, self.before, flags.is_on(KEY)) == (False, False, False)


class TestPlainSubclassWithoutItsOwn(TestPlainClass):
    def test_it_inherits(self):
        assert flags.is_on(KEY) is True


def test_a_class_with_an_undeclared_key_fails_as_it_begins():
    @override_flag("no_such_flag", True)
    class Case(SimpleTestCase):
        pass

    with pytest.raises(flags.UndeclaredFlag):
        Case.setUpClass()
    Case.doClassCleanups()


@pytest.fixture(scope="module", autouse=True)
def _nothing_leaks():
    yield
    assert overriding.in_force() == []
