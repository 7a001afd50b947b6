"""Secrets come from the environment or from a file that it names: none from the settings file, none into a message."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.served import Done, run_command

from features.errors import InputError
from serving.settings import ServiceSettings
from training.settings import Environment

SECRET = "geheim-0123456789-0123456789-0123456789"
FILE = Path("churn-risk.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'secret = "{SECRET}"', "secret (set CHURN_RISK_SECRET or CHURN_RISK_SECRET_FILE)"),
        (f'SECRET = "{SECRET}"', "SECRET (set CHURN_RISK_SECRET or CHURN_RISK_SECRET_FILE)"),
        (
            f'hubspot_secret = "{SECRET}"',
            "hubspot_secret (set CHURN_RISK_HUBSPOT_SECRET or CHURN_RISK_HUBSPOT_SECRET_FILE)",
        ),
        (f'store_url = "postgresql://me:{SECRET}@host/db"', "the password in store_url (set CHURN_RISK_STORE_URL)"),
        (
            f'study_url = "postgresql://host/db?sslmode=require&password={SECRET}"',
            "the password in study_url (set CHURN_RISK_STUDY_URL)",
        ),
        (f'source = "postgresql://me:{SECRET}@host/db"', "the password in source (set CHURN_RISK_SOURCE)"),
        (
            f'store_url = "postgresql://me:{SECRET}@host/db"\nsecret = "{SECRET}"',
            "secret (set CHURN_RISK_SECRET or CHURN_RISK_SECRET_FILE); "
            "the password in store_url (set CHURN_RISK_STORE_URL)",
        ),
    ],
)
def test_a_secret_in_the_settings_file_is_refused(text: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the environment has another one, that would be taken."""
    monkeypatch.setenv("CHURN_RISK_SECRET", "another master secret of more than 32")
    FILE.write_text(text)
    with pytest.raises(InputError) as refused:
        ServiceSettings()
    assert str(refused.value) == f"churn-risk.toml holds secrets, which come from the environment only: {said}"


def test_an_address_that_is_none_is_refused_without_its_text() -> None:
    """A part of it may be the password."""
    for address in ("nowhere", "postgresql://me:geheim"):
        FILE.write_text(f'store_url = "{address}"')
        with pytest.raises(InputError) as refused:
            Environment()
        assert str(refused.value) == "churn-risk.toml: store_url is no address of a database"


def test_everything_else_may_stand_in_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    lines = [f'secret_file = "{tmp_path / "secret"}"', 'store_url = "postgresql://me@host/db"', 'rate_limit = "1/hour"']
    lines.append('source = "my-book"')
    FILE.write_text("\n".join([*lines, "[economics]", "capacity = 0.2"]))
    settings = ServiceSettings()
    assert settings.secrets() == (SECRET,) and settings.scores_url == "postgresql://me@host/db"
    assert settings.source == "my-book" and settings.rate_limit == "1/hour" and settings.economics.capacity == 0.2


def test_the_environment_may_hold_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_RISK_SECRET", SECRET)
    monkeypatch.setenv("CHURN_RISK_STORE_URL", f"postgresql://me:{SECRET}@host/db?password={SECRET}")
    settings = ServiceSettings()
    assert settings.secrets() == (SECRET,) and settings.scores_url.count(SECRET) == 2


# At the command line


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    return lambda *words: run_command(monkeypatch, capfd, *words)


@pytest.mark.parametrize("words", [("serve",), ("store", "purge"), ("webhooks", "list")])
def test_a_refused_settings_file_is_bad_input(run: Callable[..., Done], words: tuple[str, ...]) -> None:
    FILE.write_text(f'secret = "{SECRET}"')
    done = run(*words)
    assert done.code == 2 and done.out == "" and SECRET not in done.err
    assert done.err.startswith("error: churn-risk.toml holds secrets") and done.err.count("\n") == 1


def test_a_password_in_the_settings_file_is_bad_input(run: Callable[..., Done], environment: Environment) -> None:
    FILE.write_text(f'store_url = "postgresql://me:{SECRET}@host/db"')
    done = run("keys", "list")
    assert done.code == 2 and done.out == "" and SECRET not in done.err
    assert "CHURN_RISK_STORE_URL" in done.err and not environment.home.exists()


def test_what_is_said_of_other_settings_shows_no_secret(
    run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a fault between two settings, pydantic would show all of them."""
    monkeypatch.delenv("CHURN_RISK_HOME")
    monkeypatch.setenv("CHURN_RISK_SECRET", "geheim")
    monkeypatch.setenv("CHURN_RISK_OIDC_ISSUER", "https://id.example")
    done = run("webhooks", "list")
    assert done.code == 2 and "oidc_issuer and oidc_audience" in done.err and "geheim" not in done.err


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"oidc_client_id": "pages"}, "oidc_client_id needs oidc_issuer"),
        ({"oidc_scopes": "profile email"}, "oidc_scopes='profile email': openid must be among them"),
    ],
    ids=str,
)
def test_a_sign_in_that_cannot_be(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ServiceSettings(**settings)  # type: ignore[arg-type]


# Files of secrets


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("secret", ServiceSettings.secrets),
        ("hubspot_secret", ServiceSettings.hubspot),
        ("oidc_client_secret", ServiceSettings.oidc_secret),
    ],
)
def test_a_file_of_secrets_that_is_no_text_is_bad_input(
    name: str, read: Callable[[ServiceSettings], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, variable = tmp_path / "secret", f"CHURN_RISK_{name.upper()}_FILE"
    file.write_bytes(b"\xff\xfe" * 40)
    monkeypatch.setenv(variable, str(file))
    with pytest.raises(InputError, match=f"{variable}: {file} is not UTF-8 text"):
        read(ServiceSettings())
