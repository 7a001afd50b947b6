"""Settings of a training run and of the place that keeps it: explicit, frozen, written into every run.

Importing this module reads nothing. `Environment()` reads the environment and the file `churn-risk.toml`, if it exists.
The file must not hold secrets: people copy it, show it and keep it under version control.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from features.errors import InputError
from training.contacting import Economics, with_catalogue
from training.lifetime_terms import LifetimeTerms

#: Trees that learn faster than this are worse with larger steps.
LARGEST_RATE_TO_DOUBLE = 0.06
MODEL_NAME = "churn-risk"
CHAMPION = "champion"
#: Settings that hold addresses of databases.
ADDRESSES = ("store_url", "study_url", "source")


class Environment(BaseSettings):
    """Where things are kept, from `CHURN_RISK_*` variables or `churn-risk.toml` in the working directory."""

    model_config = SettingsConfigDict(
        env_prefix="CHURN_RISK_",
        env_nested_delimiter="__",
        toml_file="churn-risk.toml",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # for a fault between two settings pydantic would show all settings, secrets too
    )

    home: Path = Path(".churn-risk")
    store_url: str | None = None
    study_url: str | None = None
    timezone: str = "Europe/Berlin"
    bundle: Path | None = None
    #: Most rows, one a customer and as-of date, that a model learns from: of a larger book accounts are drawn.
    most_rows: Annotated[int, Field(ge=10_000)] = 400_000
    economics: Economics = Economics()
    lifetime: LifetimeTerms = LifetimeTerms()

    @field_validator("economics", mode="before")
    @classmethod
    def _catalogue(cls, given: Any) -> Any:
        return with_catalogue(given) if isinstance(given, Mapping) else given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *args: PydanticBaseSettingsSource,
        **kwargs: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: arguments first, then the environment, then the file.

        Raises
        ------
        InputError
            When the file holds secrets.
        """
        init, environment = (*args, *kwargs.values())[:2]
        file = TomlConfigSettingsSource(settings_cls)
        secrets = "; ".join(_secrets_in(file.toml_data, settings_cls))
        if secrets:
            raise InputError(f"{file.toml_file_path} holds secrets, which come from the environment only: {secrets}")
        return init, environment, file

    @property
    def scores_url(self) -> str:
        """SQLAlchemy address of the score store."""
        return self.store_url or f"sqlite:///{self.home.absolute() / 'scores.db'}"


def _secrets_in(values: Mapping[str, Any], settings: type[BaseSettings]) -> Iterator[str]:
    """Yield each setting of a file that is a secret or carries one, with the variable to set instead."""
    for written, value in sorted(values.items()):
        name = written.lower()  # pydantic reads names in lower case
        field, variable = settings.model_fields.get(name), f"{Environment.model_config['env_prefix']}{name.upper()}"
        if field is not None and SecretStr in (field.annotation, *get_args(field.annotation)):
            yield f"{written} (set {variable} or {variable}_FILE)"
        elif name in ADDRESSES and value and isinstance(value, str) and _carries_password(written, value):
            yield f"the password in {written} (set {variable})"


def _carries_password(name: str, address: str) -> bool:
    # Imported here, since most files hold no address and --help must answer at once.
    from sqlalchemy.exc import SQLAlchemyError

    from features.postgres.address import hides_password
    from training.database_address import carries_password

    if name.lower() == "source":  # a book may also be a folder or a file
        return hides_password(address)
    try:
        return carries_password(address)
    except (SQLAlchemyError, ValueError) as error:
        raise InputError(f"{Environment.model_config['toml_file']}: {name} is no address of a database") from error


@dataclass(frozen=True)
class ChurnRule:
    """When an account counts as churned: by the churns table, or after `silence_days` without a positive invoice.

    Attributes
    ----------
    horizon_days : int
        Length of the label's window; under the silence rule it equals `silence_days`.
    lead_days : int
        Days between the as-of date and the window.
    silence_days : int or None
        Days without a positive invoice; None: the churns table decides.
    """

    horizon_days: int = 180
    lead_days: int = 0
    silence_days: int | None = None

    def __post_init__(self) -> None:
        """Refuse lengths that make no label; the silence rule sets the horizon to the silence."""
        if self.silence_days is not None:
            object.__setattr__(self, "horizon_days", self.silence_days)
        if self.horizon_days < 1 or self.lead_days < 0:
            raise ValueError(
                f"horizon_days={self.horizon_days} must be 1 or more, lead_days={self.lead_days} 0 or more"
            )

    @property
    def by_silence(self) -> bool:
        """Whether churn is derived from invoices that stop."""
        return self.silence_days is not None

    @property
    def reach_days(self) -> int:
        """Days from as_of to the end of the label's window."""
        return self.lead_days + self.horizon_days


@dataclass(frozen=True)
class FitSettings:
    """How the trees grow; the defaults were chosen on rolling origins (see `benchmarks/`)."""

    learning_rate: float = 0.05
    num_leaves: int = 8
    #: Greatest depth of a tree; -1: only the number of leaves limits it.
    max_depth: int = -1
    min_data_in_leaf: int = 100
    feature_fraction: float = 1.0
    feature_fraction_bynode: float = 0.3
    bagging_fraction: float = 0.7
    lambda_l2: float = 10.0
    max_bin: int = 63
    max_rounds: int = 180
    monotone: bool = True
    #: Share of the rows from which a table is removed: for each history table, and once for all optional ones at once.
    removed_share: float = 0.015

    def in_larger_steps(self, rounds: int) -> tuple[FitSettings, int]:
        """Return settings and rounds of trees that cost half and say nearly the same: for what only compares."""
        if self.learning_rate > LARGEST_RATE_TO_DOUBLE:
            return self, rounds
        return replace(self, learning_rate=2 * self.learning_rate), -(-rounds // 2)

    def parameters(self, seed: int) -> dict[str, Any]:
        """Return LightGBM's parameters; the same seed gives the same model text."""
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "max_depth": self.max_depth,
            "min_data_in_leaf": self.min_data_in_leaf,
            "feature_fraction": self.feature_fraction,
            "feature_fraction_bynode": self.feature_fraction_bynode,
            "bagging_fraction": self.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": self.lambda_l2,
            "max_bin": self.max_bin,
            "cat_l2": 10 * self.lambda_l2,
            "min_data_per_group": self.min_data_in_leaf,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that decides what a training run does."""

    rule: ChurnRule = field(default_factory=ChurnRule)
    until: date | None = None
    seed: int = 0
    #: Days between as-of dates; halved while they give fewer than `least_slices` dates and stay above a week.
    slice_days: int = 30
    least_slices: int = 12
    min_history_days: int = 60
    #: Days after a label's window until all its records have arrived.
    embargo_days: int = 0
    folds: int = 4
    bootstraps: int = 200
    #: Learn from every n-th as-of date, counted back from the latest; the model is still judged on all of them.
    every: int = 1
    #: Learn only from as-of dates in this many days up to the latest; None: from all.
    window_days: int | None = None
    #: Learn from this share of the accounts; below 1 in a very large book (see `training.slices.drawn_accounts`).
    share: float = 1.0
    #: The weighting scheme, if it is fixed; None: rolling origins choose it.
    weighting: str | None = None
    fit: FitSettings = field(default_factory=FitSettings)
    economics: Economics = field(default_factory=Economics)

    def __post_init__(self) -> None:
        """Refuse settings that leave no date to learn from."""
        if self.every < 1 or (self.window_days is not None and self.window_days < 1):
            raise ValueError(f"every={self.every} and window_days={self.window_days} must be 1 or more")
        if not 0 < self.share <= 1:
            raise ValueError(f"share={self.share} must lie above 0 and be 1 at most")

    @property
    def known_after_days(self) -> int:
        """Days after an as-of date until its labels are known: the rule's reach and the embargo."""
        return self.rule.reach_days + self.embargo_days
