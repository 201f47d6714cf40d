"""What can be wrong with a question about a flag. Plain Python."""


class UndeclaredFlag(LookupError):
    """No entry of the flags YAML file declares this key."""

    def __init__(self, key: str, env: str = "") -> None:
        self.key = key
        where = f" in {env}" if env else ""
        super().__init__(f"{key!r} is not declared{where}: add it to the flags YAML file first.")
