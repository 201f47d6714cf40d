from loops import Question

TITLE = "UnleashClient"
PACKAGE = "UnleashClient"
SETUP = (
    "`client.is_enabled(k)`, bootstrapped with flags of the default strategy;"
    " no server, so nothing is fetched or reported."
)


def set_up(values: dict[str, bool], directory: str) -> Question:
    from UnleashClient import UnleashClient
    from UnleashClient.cache import FileCache

    cache = FileCache("bench", directory=directory)
    cache.bootstrap_from_dict(
        {"version": 1, "features": [_feature(*each) for each in values.items()]}
    )
    client = UnleashClient(
        "http://127.0.0.1:9/api",
        "bench",
        cache=cache,
        disable_metrics=True,
        disable_registration=True,
    )
    client.initialize_client(fetch_toggles=False)
    return Question("client.is_enabled(k)", {"client": client})


def _feature(key: str, on: bool) -> dict:
    return {
        "name": key,
        "type": "release",
        "enabled": on,
        "strategies": [{"name": "default", "parameters": {}}],
    }
