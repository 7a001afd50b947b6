"""Economics with a single action, as literature and older settings have them."""

from __future__ import annotations

from training.contacting import Action, Economics


def one_action(
    success_rate: float = 0.3, incentive_share: float = 0.05, contact_cost: float = 15.0, capacity: float = 0.1
) -> Economics:
    """Return a catalogue of one action."""
    return Economics({"offer": Action(success_rate, incentive_share, contact_cost)}, capacity)
