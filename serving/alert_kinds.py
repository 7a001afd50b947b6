"""The kinds of alerts: what of an account's records must not wait; `serving.webhooks.alerts` says what each is."""

from __future__ import annotations

from typing import Literal, get_args

AlertKind = Literal["detractor", "unanswered", "bounced", "loop_due", "contact_left", "contract_due"]
ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)


def kinds_in(text: str) -> tuple[str, ...]:
    """Return the kinds that a text names, separated by commas.

    Raises
    ------
    ValueError
        When it names another.

    Examples
    --------
    >>> kinds_in("loop_due, detractor"), kinds_in("")
    (('loop_due', 'detractor'), ())
    """
    named = tuple(filter(None, (part.strip() for part in text.split(","))))
    unknown = [kind for kind in named if kind not in ALERT_KINDS]
    if unknown:
        raise ValueError(f"alerts={text!r}: {unknown[0]!r} is no kind of alert; there are {', '.join(ALERT_KINDS)}")
    return named
