"""Settings of what contacting an account costs and brings: a catalogue of actions, and how many contacts are possible.

`training.worth.economics` reckons with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

#: Names stand in scores, tables and MLflow's parameters.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Action:
    """One way to contact an account: what it costs and brings.

    Attributes
    ----------
    success_rate : float
        g, the share of contacted leavers who stay, 0-1.
    incentive_share : float
        d, the incentive as a share of the account's value, 0-1.
    contact_cost : float
        f, cost of one contact, in the book's currency.
    """

    success_rate: float
    incentive_share: float
    contact_cost: float

    def faults(self) -> list[str]:
        """Return what is wrong with the figures; empty when nothing is."""
        shares = {"success_rate": self.success_rate, "incentive_share": self.incentive_share}
        wrong = [f"{name}={share} (a share lies in 0 to 1)" for name, share in shares.items() if not 0 <= share <= 1]
        if not 0 <= self.contact_cost < float("inf"):
            wrong.append(f"contact_cost={self.contact_cost} (a cost is 0 or more)")
        if self.success_rate == self.incentive_share == 0:
            wrong.append("success_rate and incentive_share are both 0 (nothing is won or spent)")
        return wrong


#: A call costs an hour and keeps few; an offer keeps more and costs a share of the account's value.
CATALOGUE: Mapping[str, Action] = {"call": Action(0.10, 0.0, 150.0), "offer": Action(0.30, 0.05, 15.0)}
#: The one action of settings from before the catalogue; a setting that names one of its figures still means it.
SINGLE = CATALOGUE["offer"]


@dataclass(frozen=True)
class Economics:
    """What can be done about an account, and how many accounts it can be done for.

    Attributes
    ----------
    actions : mapping of name to Action
        The catalogue. The first of two actions that bring as much is taken.
    capacity : float
        Share of the accounts that can be contacted, 0-1.
    """

    actions: Mapping[str, Action] = field(default_factory=lambda: dict(CATALOGUE))
    capacity: float = 0.10

    def __post_init__(self) -> None:
        """Refuse an empty catalogue, and figures that are no shares and costs; all faults in one message."""
        wrong = [f"actions.{name}: {fault}" for name, action in self.actions.items() for fault in action.faults()]
        wrong += [
            f"actions: the name {name!r} is not of letters, digits, _ and -"
            for name in self.actions
            if not NAME.fullmatch(name)
        ]
        wrong += [] if self.actions else ["actions: at least one is needed"]
        wrong += [] if 0 <= self.capacity <= 1 else [f"capacity={self.capacity} (a share lies in 0 to 1)"]
        if wrong:
            raise ValueError(f"economics: {'; '.join(wrong)}")

    @property
    def strongest(self) -> Action:
        """The action that saves most of a leaver's value, for learners that know of one kind of contact only."""
        return max(self.actions.values(), key=lambda action: action.success_rate * (1 - action.incentive_share))


def economics_of(plain: Mapping[str, Any]) -> Economics:
    """Return the economics in plain values, of settings or of a bundle; see `with_catalogue` for older ones."""
    values = with_catalogue(plain)
    if "actions" in values:
        values["actions"] = {name: Action(**action) for name, action in values["actions"].items()}
    return Economics(**values)


def with_catalogue(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain economics with a catalogue; figures of a single action, as they were once set, become `offer`.

    Raises
    ------
    ValueError
        When both are given.
    """
    single = {name: plain[name] for name in asdict(SINGLE) if name in plain}
    rest = {name: value for name, value in plain.items() if name not in single}
    if single and "actions" in rest:
        raise ValueError(f"economics: {', '.join(single)} stand beside actions; give them to one of the actions")
    return rest | ({"actions": {"offer": asdict(SINGLE) | single}} if single else {})
