"""The command `card`: writes the model card of a version.

A command imports what it needs when it runs, so that `--help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from features.console import JsonOption, emit, put, say, written_at_once
from features.errors import InputError

SUFFIXES = (".html", ".md")


def card(
    version: Annotated[
        str | None,
        typer.Argument(help="A version's number in the registry; by default the champion.", metavar="VERSION"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Write here instead of Markdown on standard output.", metavar="FILE.html|FILE.md"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a version's model card: data, figures beside every rival's, calibration, limits."""
    from training.card.card import card_from
    from training.card.card_html import html_of, markdown_of
    from training.registry.tracking import fetch_bundle
    from training.settings import Environment

    if out is not None and out.suffix not in SUFFIXES:
        raise InputError(f"--out {out}: a card is written as {' or '.join(SUFFIXES)}")
    model_card = card_from(fetch_bundle(Environment(), version))
    if out is not None:
        with written_at_once(out) as scratch:
            scratch.write_text(
                html_of(model_card) if out.suffix == ".html" else markdown_of(model_card), encoding="utf-8"
            )
    if as_json:
        emit(
            {
                "model_version": model_card.version,
                "out": None if out is None else str(out),
                "card": model_card.as_dict(),
            }
        )
    elif out is None:
        put(markdown_of(model_card))
    else:
        say(f"card of version {model_card.version} in {out}")


def add_to(app: typer.Typer) -> None:
    """Add this command to the root command."""
    app.command()(card)
