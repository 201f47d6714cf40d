#!/usr/bin/env python
"""Run one of Django's or the console's management commands."""

import os
import signal
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxxconsole.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except ImproperlyConfigured as error:
        # It names the variable. Nobody looks for it below a traceback that was not asked for.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"manage.py: {error}")
    except BrokenPipeError:
        # Whoever read had enough: `flag_status | head`. Python's own flush at the end would say so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
