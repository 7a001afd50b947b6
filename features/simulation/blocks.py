"""One block of accounts, from the random streams to the finished tables, in the order of causes.

In: a world and a block number. Out: an Arrow table for each name in `columns.TABLE_NAMES`.

The simulation first draws everything as if no account ever left. The hazards follow from that. The fate of each account
is drawn from the hazards, and the records are cut at it. So only the notice (`churns`) shows a churn before it comes,
and the null world has the same records up to churn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from features.simulation.ground.columns import TABLE_NAMES
from features.simulation.ground.health import draw_health
from features.simulation.ground.world import BLOCK_ACCOUNTS, DAY_SECONDS, Streams, World
from features.simulation.records import contacts as people
from features.simulation.records import contracts as terms
from features.simulation.records import engagement
from features.simulation.records.accounts import Accounts, accounts_table, draw_accounts
from features.simulation.records.churns import Fate, churns_table, draw_fate, hazards_table
from features.simulation.records.hazards import Hazards, null_hazards, true_hazards
from features.simulation.records.invoices import Invoices, draw_invoices, invoices_table
from features.simulation.records.loops import Loops, draw_loops, loops_table
from features.simulation.records.surveys import Surveys, draw_surveys, surveys_table
from features.simulation.records.tickets import Tickets, draw_tickets, tickets_table


@dataclass(frozen=True)
class _Block:
    """Everything drawn for one block, before the cut at churn."""

    accounts: Accounts
    contracts: terms.Contracts
    contacts: people.Contacts
    tickets: Tickets
    surveys: Surveys
    loops: Loops
    actions: engagement.Actions
    referrals: engagement.Referrals
    memberships: engagement.Memberships
    invoices: Invoices
    hazards: Hazards
    fate: Fate


def block_tables(world: World, block: int) -> dict[str, pa.Table]:
    """Simulate one block and return its tables, cut to the accounts that the world asks for."""
    streams = Streams(world.seed, block)
    keep = min(BLOCK_ACCOUNTS, world.accounts - block * BLOCK_ACCOUNTS)
    return _records(world, streams, _draw(world, streams), keep)


def _draw(world: World, streams: Streams) -> _Block:
    """Draw causes before effects."""
    clock = world.clock
    accounts = draw_accounts(streams, clock)
    health = draw_health(streams, clock)
    contracts = terms.draw_contracts(streams, clock, accounts, health)
    contacts = people.draw_contacts(streams, clock, accounts, health)
    tickets = draw_tickets(streams, clock, accounts, health)
    surveys = draw_surveys(streams, clock, accounts, health, contacts, tickets)
    loops = draw_loops(streams, clock, accounts, health, surveys)
    actions = engagement.draw_actions(streams, clock, accounts, health)
    referrals = engagement.draw_referrals(streams, clock, accounts, health)
    memberships = engagement.draw_memberships(streams, clock, accounts, health)
    invoices = draw_invoices(streams, clock, accounts, health, contracts)
    hazards = (
        null_hazards(clock, accounts)
        if world.null
        else true_hazards(clock, accounts, health, contracts, contacts, loops, actions, memberships)
    )
    fate = draw_fate(streams, clock, accounts, contracts, hazards, world.null)
    return _Block(
        accounts, contracts, contacts, tickets, surveys, loops,
        actions, referrals, memberships, invoices, hazards, fate,
    )  # fmt: skip


def _records(world: World, streams: Streams, drawn: _Block, keep: int) -> dict[str, pa.Table]:
    """Cut everything at churn and write it down."""
    clock, accounts, fate = world.clock, drawn.accounts, drawn.fate
    limit, stop = fate.limit_day, fate.survey_stop_day
    sent = drawn.surveys.sent < stop[drawn.surveys.account] * DAY_SECONDS
    tables = {
        "accounts": accounts_table(accounts).slice(0, keep),
        "invoices": invoices_table(drawn.invoices, accounts, limit, keep),
        "churns": churns_table(fate, accounts, keep),
        "contacts": people.contacts_table(drawn.contacts, accounts, streams, clock, fate.churn_day, limit, keep),
        "surveys": surveys_table(drawn.surveys, accounts, drawn.contacts, streams, limit, stop, keep),
        "loops": loops_table(drawn.loops, accounts, drawn.surveys, sent, limit, keep),
        "contracts": terms.contracts_table(drawn.contracts, accounts, limit, keep),
        "tickets": tickets_table(drawn.tickets, accounts, drawn.contacts, streams, clock, limit, keep),
        "actions": engagement.actions_table(drawn.actions, accounts, limit, keep),
        "referrals": engagement.referrals_table(drawn.referrals, accounts, streams, clock, limit, keep),
        "memberships": engagement.memberships_table(drawn.memberships, accounts, limit, keep),
        "true_hazards": hazards_table(drawn.hazards, fate, accounts, clock, keep),
    }
    return {name: tables[name] for name in TABLE_NAMES}


def chunks(world: World) -> Iterator[dict[str, pa.Table]]:
    """Yield the tables of `world.chunk_accounts` accounts at a time."""
    size = world.chunk_accounts // BLOCK_ACCOUNTS
    for start in range(0, world.blocks, size):
        parts = [block_tables(world, block) for block in range(start, min(start + size, world.blocks))]
        yield {name: pa.concat_tables([part[name] for part in parts]) for name in TABLE_NAMES}
