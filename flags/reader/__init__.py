"""`flags.is_on()` in a Django project that is not the console: no models, no tables, no pages.

    INSTALLED_APPS = [..., "flags.reader"]
    FLAGS_URL, FLAGS_TOKEN = "https://console.example.com", os.environ["FLAGS_TOKEN"]

The store is fed over HTTP as a `FlagClient`'s is (docs/flags-elsewhere.md).
"""
