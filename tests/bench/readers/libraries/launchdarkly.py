from loops import Question

TITLE = "LaunchDarkly"
PACKAGE = "launchdarkly-server-sdk"
SETUP = (
    "`client.variation(k, context, False)`, one context kept, flags from its test data source;"
    " no server, so events are not sent."
)


def set_up(values: dict[str, bool], directory: str) -> Question:
    from ldclient import Context, LDClient
    from ldclient.config import Config
    from ldclient.integrations.test_data import TestData

    data = TestData.data_source()
    for key, on in values.items():
        data.update(data.flag(key).variation_for_all(on))
    client = LDClient(Config("bench", update_processor_class=data, send_events=False))
    context = Context.builder("bench").build()
    return Question("client.variation(k, context, False)", {"client": client, "context": context})
