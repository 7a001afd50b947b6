"""Every manager's digest is made and sent: at most once a week and way, by the ledger; what is refused is tried again.

An attempt is marked in the ledger before it goes out and recorded after it, each in a transaction of its own. Trouble
that may pass is tried again in later rounds of the same command; what is left then is for the next run of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from time import sleep
from zoneinfo import ZoneInfo

from sqlalchemy.engine import Engine

from features.errors import InputError
from serving.database.engine import reading, writing
from serving.digest.digest import Digest, Filters, digest_of
from serving.digest.digest_findings import Bounds, Findings, managers_of, read_findings
from serving.digest.digest_html import html_of
from serving.digest.digest_ledger import Baseline, Entry, Kept, baseline, begin, drop_old_standings, period_of, settle
from serving.digest.digest_tables import Channel
from serving.digest.mail import Server, message_of
from serving.digest.managers_file import Managers
from serving.digest.outcomes import Outcome
from serving.digest.slack_digest import post, slack_text_of
from serving.settings import ServiceSettings
from serving.webhooks.alert_cases import alert_rules
from serving.webhooks.delivery.sending import Sender
from serving.words.formats import Lang

#: Seconds before the second round of attempts, and the third.
PAUSES = (5.0, 20.0)
#: Most managers that a message names.
NAMED = 5


@dataclass(frozen=True)
class Made:
    """One manager's digest; `reader` gets it, the manager or a substitute, or None when everybody is away."""

    manager: str
    reader: str | None
    digest: Digest
    findings: Findings
    base: Baseline | None


@dataclass(frozen=True)
class AllMade:
    """Every digest of a day.

    Attributes
    ----------
    period : str
        The week.
    digests : tuple of Made
    nothing : tuple of str
        Managers of whom there is nothing to tell.
    unmanaged : int
        Accounts that have no manager, and so are in no digest.
    """

    period: str
    digests: tuple[Made, ...]
    nothing: tuple[str, ...]
    unmanaged: int


@dataclass
class Sent:
    """What became of the digests: pairs of manager and way, and why one was not sent or may have been."""

    sent: list[tuple[str, Channel]] = field(default_factory=list)
    already: list[tuple[str, Channel]] = field(default_factory=list)
    uncertain: list[tuple[str, Channel | None, str]] = field(default_factory=list)
    not_sent: list[tuple[str, Channel | None, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Task:
    made: Made
    channel: Channel
    address: str


def make_all(
    engine: Engine, settings: ServiceSettings, managers: Managers, only: str | None, lang: Lang, now: datetime
) -> AllMade:
    """Make the digests of all managers of the newest run, or of one.

    Parameters
    ----------
    lang : 'de' or 'en'
        Of readers for whom the file has none.

    Raises
    ------
    InputError
        When no run is stored, or the run has no accounts of the manager.
    """
    zone = ZoneInfo(settings.timezone)
    day = now.astimezone(zone).date()
    period = period_of(day)
    made, nothing = [], []
    with reading(engine) as connection:
        names, unmanaged = managers_of(connection)
        for name in _chosen(names, unmanaged, only):
            reader, base = managers.reader_of(name, day), baseline(connection, name, period)
            filters = Filters(
                manager=name,
                reader=reader or name,
                capacity=managers.of(name).capacity or settings.digest_accounts,
                points=settings.digest_points,
                day=day,
                zone=zone,
                public_url=settings.public_url,
            )
            bounds = Bounds(filters.capacity, filters.points, alert_rules(settings))
            findings = read_findings(connection, name, bounds, base, now, day)
            if findings is None or findings.empty:
                nothing.append(name)
                continue
            digest = digest_of(findings, filters, managers.of(reader or name).lang or lang)
            made.append(Made(name, reader, digest, findings, base))
    return AllMade(period, tuple(made), tuple(nothing), unmanaged)


def _chosen(names: Sequence[str], unmanaged: int, only: str | None) -> Sequence[str]:
    if not names and not unmanaged:
        raise InputError("no scores are stored yet: churn-risk score SOURCE --as-of DATE")
    if only is None:
        return names
    if only not in names:
        known = ", ".join(map(repr, names[:NAMED])) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
        raise InputError(
            f"--account-manager {only!r} has no accounts in the newest scores; there are {known or 'none'}"
        )
    return [only]


def _note(done: Sent, key: tuple[str, Channel], outcome: Outcome | Kept) -> None:
    """Write down what an attempt came to."""
    if outcome == "sent":
        done.already.append(key)
    elif outcome == "sending":
        done.uncertain.append((*key, "an earlier run was ended while it sent it, or another one sends it now"))
    elif outcome.end == "sent":
        done.sent.append(key)
    elif outcome.end == "uncertain":
        done.uncertain.append((*key, outcome.why))
    else:
        done.not_sent.append((*key, outcome.why))


class Postman:
    """Sends digests.

    Parameters
    ----------
    engine : Engine
        The database with the ledger.
    managers : Managers
    now : callable
        The clock.
    pause : callable
        Waits so many seconds before another round.
    """

    def __init__(
        self,
        engine: Engine,
        settings: ServiceSettings,
        managers: Managers,
        now: Callable[[], datetime],
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._engine, self._managers, self._now, self._pause = engine, managers, now, pause
        self._settings = settings
        self._sender = Sender(settings.webhook_seconds, settings.webhook_private)

    def send(self, made: AllMade, again: bool = False) -> Sent:
        """Send every digest to its reader, by each way that the managers' file has.

        Parameters
        ----------
        again : bool
            Whether one is sent even if it was in this week, or may have been.

        Raises
        ------
        InputError
            When a reader has an e-mail address and the settings have no sound mail server.
        """
        done = Sent()
        tasks = list(self._tasks(made, done))
        server = Server.of(self._settings) if any(task.channel == "mail" for task in tasks) else None
        for pause in (*PAUSES, None):
            trouble = self._round(tasks, server, made.period, again, done)
            if not trouble or pause is None:
                break
            tasks = [task for task, _ in trouble]
            self._pause(pause)
        done.not_sent += [(task.made.manager, task.channel, why) for task, why in trouble]
        return done

    def _tasks(self, made: AllMade, done: Sent) -> Iterator[_Task]:
        for each in made.digests:
            reader = self._managers.of(each.reader or "")
            ways: Mapping[Channel, str | None] = {"mail": reader.email, "slack": reader.slack}
            tasks = [_Task(each, channel, address) for channel, address in ways.items() if address]
            if each.reader is None:
                done.not_sent.append((each.manager, None, "everybody who stands in is away"))
            elif not tasks:
                done.not_sent.append((each.manager, None, f"the managers' file has no address of {each.reader}"))
            else:
                yield from tasks

    def _round(
        self, tasks: Sequence[_Task], server: Server | None, period: str, again: bool, done: Sent
    ) -> list[tuple[_Task, str]]:
        """Try each once; return those whose trouble may pass, and what it was."""
        trouble, away = [], None
        for task in tasks:
            if away is not None and task.channel == "mail":
                outcome: Outcome | Kept = away
            else:
                outcome = self._attempt(task, server, period, again)
            if isinstance(outcome, Outcome) and outcome.away:
                away = outcome
            if isinstance(outcome, Outcome) and outcome.end == "failed" and outcome.passing:
                trouble.append((task, outcome.why))
            else:
                _note(done, (task.made.manager, task.channel), outcome)
        return trouble

    def _attempt(self, task: _Task, server: Server | None, period: str, again: bool) -> Outcome | Kept:
        made, digest = task.made, task.made.digest
        run = made.findings.found.run
        assert run is not None
        content = sha256(html_of(digest).encode()).hexdigest()
        entry = Entry(made.manager, task.channel, period, content, run.as_of, run.model_version)
        with writing(self._engine) as connection:
            begun = begin(connection, entry, made.findings.standings, self._now(), again)
        if isinstance(begun, str):
            return begun
        if task.channel == "mail":
            assert server is not None and made.reader is not None
            identity = f"churn-risk-digest-{begun.digest_id}-{content[:16]}"
            message = message_of(digest, server.sender, task.address, made.reader, identity, self._now())
            outcome = server.send(message, task.address)
        else:
            outcome = post(self._sender, task.address, slack_text_of(digest))
        if outcome.end != "uncertain":
            with writing(self._engine) as connection:
                settle(connection, begun.digest_id, outcome.end, self._now())
                if outcome.end == "sent" and made.base is not None:
                    drop_old_standings(connection, made.manager, made.base.digest_id)
        return outcome
