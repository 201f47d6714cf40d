"""manage.py where a variable is not understood: a line that names it, for people."""

from tests.processes.server import manage


def test_a_bad_variable_is_one_line_and_a_traceback_where_one_is_asked_for():
    told = manage("flag_status", check=False, CONSOLE_ENV="perhaps")
    assert (told.returncode, told.stdout) == (1, "")
    [line] = told.stderr.splitlines()
    assert line.startswith("manage.py: CONSOLE_ENV='perhaps' is not one of ")
    traced = manage("flag_status", "--traceback", check=False, CONSOLE_ENV="perhaps")
    assert (traced.returncode, traced.stdout) == (1, "")
    assert traced.stderr.startswith("Traceback")
    assert line.removeprefix("manage.py: ") in traced.stderr.splitlines()[-1]
