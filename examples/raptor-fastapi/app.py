"""A small service that is not Django and asks the console for its flags.

FLAGS_URL=https://console.example.com FLAGS_TOKEN=... uvicorn app:app
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response

from flags.client import FlagClient

# Made here, so that any module of the service can import it; nothing is asked before the service
# starts, so a server that forks its workers may import this module first.
flags = FlagClient(
    url=os.environ["FLAGS_URL"],
    token=os.environ["FLAGS_TOKEN"],
    declarations=Path(__file__).with_name("feature_flags.yaml"),
    max_age=float(os.environ.get("FLAGS_TTL_SECONDS", "30")),
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # At most 2 seconds, in which the event loop goes on. Without the console the service starts all
    # the same: FLAG_* and the YAML answer until the console does.
    async with flags:
        yield


app = FastAPI(title="Raptor", lifespan=lifespan)


@app.middleware("http")
async def with_fresh_flags(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    # A look at the clock: a thread that died or hangs is replaced.
    flags.begin()
    return await call_next(request)


@app.get("/orders")
async def orders(after: int = 0) -> dict[str, object]:
    """A page of orders: by cursor while the flag is on, else all at once."""
    found = [{"id": number} for number in range(1, 8) if number > after]
    if flags.is_on("raptor_cursor_paging"):
        return {"paging": "cursor", "orders": found[:3], "next": found[:3][-1:]}
    return {"paging": "none", "orders": found}


def console() -> str:
    if flags.is_failing:
        return "failing"
    return "has not answered yet" if flags.age is None else "answers"


@app.get("/health")
async def health() -> dict[str, object]:
    """Up as long as this answers: a console that is away is no reason to restart this service."""
    return {
        "status": "ok",
        "flags": {
            "age": flags.age,
            "console": console(),
            "sources": {key: flags.explain(key).source for key in flags.declarations},
        },
    }
