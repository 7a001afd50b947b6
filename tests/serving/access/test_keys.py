"""API keys as they are kept: shown once, digests only, scopes, expiry, rotation with an overlap, revocation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from hashlib import sha256
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from support.gates import Clock

from features.errors import InputError
from serving.access import keys as keys_module
from serving.access.key_ring import KeyRing
from serving.access.keys import KEYS, ApiKey, KeyStore, matching
from serving.access.principal import SCOPES
from serving.database.engine import open_database, writing
from serving.errors import KeyExpired, KeyRevoked, KeyUnknown, StoreUnavailable, Unauthenticated


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[KeyStore]:
    """Return the keys of an empty database, once in SQLite and once in PostgreSQL."""
    engine = open_database(database_url)
    yield KeyStore(engine, clock.now)
    engine.dispose()


def found_by(store: KeyStore, token: str) -> ApiKey | None:
    """Return the key that a token opens, whatever its state."""
    return matching({key.id: key for key in store.list()}, token, store.now())


def opened(store: KeyStore, token: str) -> ApiKey:
    found = found_by(store, token)
    assert found is not None
    return found


def test_a_key_holds_what_it_was_made_with(store: KeyStore, clock: Clock) -> None:
    ends = clock.now() + timedelta(days=1)
    made, token = store.create(["score", "read", "read"], "Anna Berg", ends, "CRM")
    assert re.fullmatch(rf"crk_{made.id}_[A-Za-z0-9_-]{{43}}", token) and re.fullmatch("[0-9a-f]{12}", made.id)
    assert opened(store, token) == made == store.get(made.id)
    assert (made.scopes, made.account_managers, made.name) == ({"read", "score"}, ("Anna Berg",), "CRM")
    assert (made.created_at, made.expires_at, made.revoked_at, made.last_used_on) == (clock.now(), ends, None, None)
    assert made.principal.id == f"key:{made.id}" and made.principal.account_managers == ("Anna Berg",)
    assert made.principal.may("read") and not made.principal.may("admin")


@pytest.mark.parametrize("managers", [None, ("Anna Berg",), ("Änne", "B"), ("[x",), ('["A", "B"]',)], ids=str)
def test_several_account_managers_stand_where_one_stood(store: KeyStore, managers: tuple[str, ...] | None) -> None:
    made, token = store.create(["read"], managers and (*managers, managers[0]))
    assert opened(store, token).account_managers == made.principal.account_managers == managers
    told = made.as_dict(made.created_at)
    assert told["account_manager"] == (managers and ", ".join(managers))
    assert told["account_managers"] == (managers and [*managers])


@pytest.mark.parametrize("kept", ["Anna Berg", "[x", "[]", "[7]", '{"a": 1}', '["A", "B"]'])
def test_a_row_from_before_there_were_several_is_one_name(store: KeyStore, kept: str) -> None:
    """What is no list of names is a name."""
    _, token = store.create(["read"], "other")
    with writing(store._engine) as connection:
        connection.execute(sa.update(KEYS).values(account_manager=kept))
    assert opened(store, token).account_managers == (("A", "B") if kept == '["A", "B"]' else (kept,))


def test_nothing_of_a_secret_is_kept_but_its_digest(store: KeyStore) -> None:
    made, token = store.create(["read"])
    secret = token.removeprefix(f"crk_{made.id}_")
    with store._engine.connect() as connection:
        rows = [str(row) for name in ("api_keys", "api_key_secrets") for row in connection.execute(sa.text(
            f"SELECT * FROM {name}"
        ))]  # fmt: skip
    assert len(rows) == 2 and not any(secret in row for row in rows)
    assert sha256(secret.encode()).hexdigest() in "".join(rows)
    assert secret not in repr(made) and "digest" not in repr(made)
    assert not any(isinstance(value, str) and value in token[17:] for value in made.as_dict(store.now()).values())


@pytest.mark.parametrize(
    "sent",
    ["", "crk_", "crk__", "crk_{id}", "crk_{id}_", "crk_{id}_{other}", "crk_{odd}_{secret}", "{secret}", "{id}_",
     "crk_{id}_{secret}x", "crk_{id}_{cut}", "CRK_{id}_{secret}", "crk_{id}_{digest}", "crk_{id}_\u00e4"],
)  # fmt: skip
def test_what_opens_nothing(store: KeyStore, sent: str) -> None:
    made, token = store.create(["admin"])
    _, other = store.create(["admin"])
    secret = token.removeprefix(f"crk_{made.id}_")
    parts = {"id": made.id, "secret": secret, "other": other[17:], "odd": "0" * 12, "cut": secret[:-1]}
    assert found_by(store, sent.format(**parts, digest=sha256(secret.encode()).hexdigest())) is None
    assert opened(store, token) == made


def test_an_unknown_key_takes_the_same_steps_as_a_known_one(store: KeyStore) -> None:
    """One digest is made and one comparison runs over all characters, whether the id is known or not."""
    made, token = store.create(["read"])
    keys = {made.id: made}
    for sent in (token, token[:-1] + "~", "crk_000000000000_" + token[17:], "nothing"):
        with (
            patch.object(keys_module, "digest_of", wraps=keys_module.digest_of) as digest,
            patch.object(keys_module.hmac, "compare_digest", wraps=keys_module.hmac.compare_digest) as compare,
        ):
            matching(keys, sent, store.now())
        assert digest.call_count == compare.call_count == 1
        assert [len(text) for text in compare.call_args.args] == [64, 64]


@pytest.mark.parametrize(
    ("scopes", "rights", "said"),
    [
        ([], {}, "read, score, feedback, admin"),
        (["read", "write"], {}, "write"),
        (["read"], {"account_manager": " "}, "account_manager"),
        (["read"], {"account_manager": []}, "account_manager"),
        (["read"], {"account_manager": ["Anna Berg", ""]}, "account_manager"),
        (["read", "admin"], {"account_manager": ["Anna Berg", "Bernd Cohn"]}, "account_manager"),
        (["read", "admin"], {"account_manager": "Anna Berg"}, "account_manager"),
        (["read"], {"expires_at": Clock().now()}, "past"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    store: KeyStore, scopes: list[str], rights: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        store.create(scopes, **rights)  # type: ignore[arg-type]
    assert store.list() == ()


def test_rotation_overlaps(store: KeyStore, clock: Clock) -> None:
    made, old = store.create(["read"], "Anna Berg")
    clock.pass_by(days=1)
    rotated, new = store.rotate(made.id)
    assert (rotated.id, rotated.scopes, rotated.account_managers) == (made.id, made.scopes, ("Anna Berg",))
    assert new != old and found_by(store, old) == found_by(store, new) == rotated
    clock.pass_by(days=7, microseconds=-1)
    assert found_by(store, old) is not None
    clock.pass_by(microseconds=1)
    assert found_by(store, old) is None and found_by(store, new) is not None


def test_rotating_twice_does_not_lengthen_the_first_secret(store: KeyStore, clock: Clock) -> None:
    made, first = store.create(["read"])
    _, second = store.rotate(made.id, timedelta(days=2))
    clock.pass_by(days=1)
    _, third = store.rotate(made.id, timedelta(days=7))
    clock.pass_by(days=1)
    assert [found_by(store, token) is not None for token in (first, second, third)] == [False, True, True]
    _, fourth = store.rotate(made.id, timedelta())
    assert [found_by(store, token) is not None for token in (second, third, fourth)] == [False, False, True]
    assert len(store.get(made.id).secrets) <= 3


def test_revocation_is_for_good(store: KeyStore, clock: Clock) -> None:
    made, token = store.create(["read"])
    clock.pass_by(days=1)
    revoked = store.revoke(made.id)
    assert revoked.revoked_at == clock.now() and revoked.state(clock.now()) == "revoked"
    clock.pass_by(days=1)
    assert store.revoke(made.id).revoked_at == revoked.revoked_at
    with pytest.raises(KeyRevoked, match=made.id):
        store.rotate(made.id)
    assert [key.id for key in store.list()] == [made.id] and opened(store, token).state(clock.now()) == "revoked"


def test_an_expired_key_gets_no_new_secret(store: KeyStore, clock: Clock) -> None:
    """It would be refused from the start."""
    made, token = store.create(["read"], expires_at=clock.now() + timedelta(hours=1))
    clock.pass_by(hours=1, microseconds=-1)
    _, newer = store.rotate(made.id, timedelta())
    clock.pass_by(microseconds=1)
    before = store.get(made.id)
    with pytest.raises(KeyExpired, match=f"{made.id} has expired.*create another key"):
        store.rotate(made.id)
    assert store.get(made.id) == before and found_by(store, token) is None and found_by(store, newer) == before


def test_an_unknown_id_is_said_to_be_unknown(store: KeyStore) -> None:
    for act in (store.get, store.revoke, store.rotate):
        with pytest.raises(KeyUnknown, match="'nobody'"):
            act("nobody")


def test_expiry_is_to_the_instant(store: KeyStore, clock: Clock) -> None:
    made, _ = store.create(["read"], expires_at=clock.now() + timedelta(hours=1))
    assert made.state(clock.now() + timedelta(hours=1, microseconds=-1)) == "usable"
    assert made.state(clock.now() + timedelta(hours=1)) == "expired"


def test_the_last_day_of_use_is_kept_and_never_goes_back(store: KeyStore) -> None:
    made, _ = store.create(["read"])
    for day in (date(2026, 3, 2), date(2026, 3, 1)):
        store.note_use(made.id, day)
    assert store.get(made.id).last_used_on == date(2026, 3, 2)


# As a running service knows them


def test_a_failure_is_remembered_for_a_second(store: KeyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away() -> tuple[ApiKey, ...]:
        asked.append(clock.tick())
        raise StoreUnavailable("away")

    ring = KeyRing(store, clock.tick)
    made, _ = store.create(["read"])
    with monkeypatch.context() as patch:
        patch.setattr(store, "list", away)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="away"):
                ring.refresh()
        clock.pass_by(seconds=1)
        with pytest.raises(StoreUnavailable, match="away"):
            ring.refresh()
    assert asked == [1000, 1001]
    clock.pass_by(seconds=1)
    ring.refresh()
    assert set(ring.keys) == {made.id}


def test_whoever_sees_one_account_managers_accounts_is_no_admin(store: KeyStore) -> None:
    """Also not with a key that was made when that was not refused."""
    made, _ = store.create(["admin"])
    with writing(store._engine) as connection:
        connection.execute(sa.update(KEYS).values(account_manager="Anna Berg"))
    principal = store.get(made.id).principal
    assert [scope for scope in SCOPES if principal.may(scope)] == ["read", "score", "feedback"]


def test_the_ring_learns_of_every_change_within_a_second(store: KeyStore, clock: Clock) -> None:
    ring = KeyRing(store, clock.tick)
    made, token = store.create(["read"])
    ring.refresh()
    assert ring.check(token).id == made.id
    store.revoke(made.id)
    assert not ring.due()
    clock.pass_by(seconds=1)
    assert ring.due()
    ring.refresh()
    with pytest.raises(Unauthenticated, match="revoked"):
        ring.check(token)
    assert ring.usable(made.id) is None


def test_expiry_needs_no_refresh(store: KeyStore, clock: Clock) -> None:
    ring = KeyRing(store, clock.tick)
    made, token = store.create(["read"], expires_at=clock.now() + timedelta(milliseconds=500))
    ring.refresh()
    assert ring.check(token).id == made.id
    clock.pass_by(milliseconds=500)
    assert not ring.due()
    with pytest.raises(Unauthenticated, match="expired"):
        ring.check(token)


def test_setting_the_clock_back_does_not_keep_a_revoked_key_alive(store: KeyStore, clock: Clock) -> None:
    ring = KeyRing(store, clock.tick)
    made, token = store.create(["read"])
    ring.refresh()
    store.revoke(made.id)
    clock.pass_by(seconds=1)
    clock.day -= timedelta(days=30)
    assert ring.due()
    ring.refresh()
    with pytest.raises(Unauthenticated):
        ring.check(token)


def test_use_is_noted_once_a_day_and_key(store: KeyStore, clock: Clock) -> None:
    ring = KeyRing(store, clock.tick)
    made, _ = store.create(["read"])
    days = []
    for _ in range(4):
        ring.refresh()
        (key,) = ring.keys.values()
        days.append(ring.due_note(key))
        days.append(ring.due_note(key))
        clock.pass_by(hours=12)
    assert days == [date(2026, 3, 1), None, date(2026, 3, 2), None, None, None, date(2026, 3, 3), None]
    ring.note_use(made.id, date(2026, 3, 3))
    assert store.get(made.id).last_used_on == date(2026, 3, 3)


def test_a_note_that_fails_is_tried_again(
    store: KeyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def busy(identifier: str, day: date) -> None:
        raise StoreUnavailable("busy")

    ring = KeyRing(store, clock.tick)
    made, _ = store.create(["read"])
    monkeypatch.setattr(store, "note_use", busy)
    today = ring.due_note(made)
    assert today is not None
    ring.note_use(made.id, today)
    assert "busy" in caplog.text and ring.due_note(made) == today


class Interrupted(date):
    """A day that lets another thread go on whenever it is found the same, as the interpreter may between two steps."""

    meanwhile = staticmethod(lambda: None)

    def __eq__(self, other: object) -> bool:
        same = super().__eq__(other)
        if same is True:
            self.meanwhile()
        return same

    __hash__ = date.__hash__


class Moment(datetime):
    """An instant of such a day."""

    def date(self) -> Interrupted:
        return Interrupted(self.year, self.month, self.day)


def test_a_note_may_fail_while_others_are_looked_at(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """`due_note` runs on the event loop, `note_use` in threads beside it."""

    def busy(identifier: str, day: date) -> None:
        raise StoreUnavailable("busy")

    ring, made = KeyRing(store), [store.create(["read"])[0] for _ in range(3)]
    monkeypatch.setattr(store, "now", lambda: Moment(2026, 3, 1))
    monkeypatch.setattr(store, "note_use", busy)
    for key in made[:2]:
        assert ring.due_note(key) == date(2026, 3, 1)
    left = [made[0].id]

    def meanwhile() -> None:
        while left:
            ring.note_use(left.pop(), Moment(2026, 3, 1).date())

    monkeypatch.setattr(Interrupted, "meanwhile", staticmethod(meanwhile))
    assert [ring.due_note(key) for key in (made[2], made[1])] == [date(2026, 3, 1), None]
    assert not left and ring.due_note(made[0]) == date(2026, 3, 1) and ring.due_note(made[1]) is None
