from loops import Question

TITLE = "flipper-client"
PACKAGE = "flipper-client"
SETUP = "`client.is_enabled(k)` over its `MemoryFeatureFlagStore`."


def set_up(values: dict[str, bool], directory: str) -> Question:
    from flipper import FeatureFlagClient, MemoryFeatureFlagStore

    client = FeatureFlagClient(MemoryFeatureFlagStore())
    for key, on in values.items():
        client.create(key, is_enabled=on)
    return Question("client.is_enabled(k)", {"client": client})
