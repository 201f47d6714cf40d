"""`flag_stubs`, for projects that install `flags.reader`."""

from flags.management.commands.flag_stubs import Command

__all__ = ["Command"]
