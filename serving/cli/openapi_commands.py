"""The command `openapi`: writes the endpoint's document to a file, for upload to a CRM. It needs no running service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from features.console import JsonOption, emit, say, written_at_once


def openapi(
    out: Annotated[Path, typer.Option(dir_okay=False, help="File to write.", metavar="FILE.json")],
    swagger: Annotated[
        bool, typer.Option("--swagger", help="Swagger 2.0, for custom connectors of Power Platform.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the endpoint's OpenAPI 3.0 document, the same as GET /openapi.json."""
    from serving.api.app import create_app
    from serving.api.routes.document_routes import documents

    kind = "swagger" if swagger else "openapi"
    content = documents(create_app())[kind]
    with written_at_once(out) as scratch:
        scratch.write_bytes(content)
    if as_json:
        emit({"format": kind, "bytes": len(content), "out": str(out)})
    else:
        say(f"{'Swagger 2.0' if swagger else 'OpenAPI 3.0'} document in {out}")


def add_to(app: typer.Typer) -> None:
    """Add this command to the root command."""
    app.command()(openapi)
