"""The peer of the endpoint's benchmark: BentoML parsing a JSON body and sending it back."""

from __future__ import annotations

from typing import Any

import bentoml
from fastapi import Body, FastAPI

app = FastAPI()


@app.post("/echo")
def echo(body: dict[str, Any] = Body(...)) -> dict[str, Any]:  # noqa: B008 (FastAPI's way to name a body)
    """Return the body."""
    return body


@bentoml.service(name="echo")
@bentoml.asgi_app(app, path="/")
class Echo:
    """A service that does nothing."""
