from loops import Question

TITLE = "OpenFeature, in memory"
PACKAGE = "openfeature-sdk"
SETUP = "`client.get_boolean_value(k, False)` of the SDK's `InMemoryProvider`, without hooks."


def set_up(values: dict[str, bool], directory: str) -> Question:
    from openfeature import api
    from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

    variants = {"on": True, "off": False}
    api.set_provider(
        InMemoryProvider(
            {key: InMemoryFlag("on" if on else "off", variants) for key, on in values.items()}
        )
    )
    return Question("client.get_boolean_value(k, False)", {"client": api.get_client()})
