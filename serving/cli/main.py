"""`churn-risk`: the root command, which joins the commands of the three layers and turns errors into exit codes.

The exit code is 0 on success, 2 on bad usage or bad input, and 1 on a failure; `train --refresh` has 3
beside them. With `--json`, bad tables are listed as JSON too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tomllib import TOMLDecodeError

import typer
from pydantic import ValidationError

from features.cli import book_commands as features_commands
from features.cli import figure_commands, import_commands
from features.console import emit, say
from features.errors import ChurnRiskError, InputError, InvalidTables
from features.library_log import heard
from features.machine.memory import told_shortage
from serving.cli import (
    digest_commands,
    key_commands,
    loss_commands,
    openapi_commands,
    report_commands,
    store_commands,
    webhook_commands,
)
from serving.cli import score_commands as serving_commands
from serving.run.loading import collect_seldom
from training.cli import card_commands, comparing_commands, judging_commands, registry_commands
from training.cli import model_commands as training_commands

#: Commands that keep nothing under `CHURN_RISK_HOME`.
HOMELESS = ("simulate", "import", "validate", "features", "figures", "compare-groups", "openapi")
#: Libraries that a serving installation does not have.
TRAINING_ONLY = ("empulse", "matplotlib", "mlflow", "optuna", "shap")


def build() -> typer.Typer:
    """Return the root command with all commands."""
    app = typer.Typer(
        name="churn-risk",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        callback=mend,
    )
    joined = (
        features_commands,
        import_commands,
        figure_commands,
        training_commands,
        judging_commands,
        comparing_commands,
        registry_commands,
        card_commands,
        serving_commands,
        report_commands,
        loss_commands,
        digest_commands,
        store_commands,
        key_commands,
        webhook_commands,
        openapi_commands,
    )
    for commands in joined:
        commands.add_to(app)
    return app


def mend(context: typer.Context) -> None:
    """Which accounts are about to leave, how much revenue goes with them, why, and what can be done."""
    if context.invoked_subcommand in HOMELESS or "--help" in sys.argv:
        return
    from training.private_files import mend_home
    from training.settings import Environment

    for path in mend_home(Environment().home):
        say(f"warning: others can read {path}, which belongs to somebody else: `chmod go= {path}`")


def _problems(error: ValidationError) -> Iterator[str]:
    """Yield what is wrong with each setting, without what pydantic says beside it."""
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        name, said = ".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")
        yield said if not name or said.startswith(name) else f"{name}: {said}"


def main() -> None:
    """Run the command line."""
    # OpenMP's threads spin while they wait; beside other work that made LightGBM thirty times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # The matrices here are small: with two threads of OpenBLAS the buying expert and the logistic regression take four
    # to eight times the processor time. LightGBM has threads of its own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Most of what a command makes stays until its end: looking for garbage in it takes an eighth of its time.
    collect_seldom()
    try:
        with heard(_home):
            build()()
    except (ValidationError, TOMLDecodeError) as error:
        said = "\n".join(_problems(error)) if isinstance(error, ValidationError) else str(error)
        say(f"error: the settings (CHURN_RISK_* or churn-risk.toml) cannot be read: {said}")
        sys.exit(2)
    except InputError as error:
        if "--json" in sys.argv and isinstance(error, InvalidTables):
            emit({"valid": False, "problems": [problem.as_dict() for problem in error.problems]})
        say(f"error: {error}")
        sys.exit(2)
    except ChurnRiskError as error:
        say(f"error: {error}")
        sys.exit(1)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in TRAINING_ONLY:
            raise
        say(f"error: {library} is not installed: this needs what training needs, churn-risk[training]")
        sys.exit(1)
    except Exception as error:
        shortage = told_shortage(error)
        if shortage is None:
            raise
        say(f"error: {shortage}")
        sys.exit(1)


def _home() -> Path:
    from training.settings import Environment

    return Environment().home


if __name__ == "__main__":
    main()
