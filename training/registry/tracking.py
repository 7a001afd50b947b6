"""Runs and versions in MLflow: registers a trained model, fetches bundles, publishes the champion.

A registration has a fixed order: the run with all its records, the registered version, its model card, and last the
alias. So a crash leaves the champion as it was.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.errors import BundleDamaged, NoModel
from training.bundle.bundle import Bundle, Manifest, load_bundle, stamp_version
from training.bundle.publishing import (
    Pointer,
    Staged,
    demand_as_published,
    publish,
    publishing_folder,
    read_pointer,
    stage,
)
from training.bundle.seal import TAG as SEAL
from training.bundle.seal import Seal, demand_sealed, seal_of
from training.errors import UnknownVersion
from training.judge.champion_gate import Gate
from training.making.packing import write_bundle
from training.making.pipeline import Trained
from training.private_files import keep_private
from training.registry.champion import ABSENT, current, current_version, entry_of, move_champion, one_at_a_time
from training.registry.connecting import artifact_root, connected, tracking_uri
from training.registry.plots import draw_plots
from training.registry.run_records import (
    OURS,
    code_version,
    log_card,
    log_files,
    log_metrics,
    log_model,
    log_run,
    log_tuning,
    name_version,
    run_name,
    write_judged,
)
from training.registry.vanished import nobody_reigns, vanished_champion
from training.settings import MODEL_NAME, Environment
from training.tuning.tuning import Tuning


@dataclass(frozen=True)
class Registered:
    """A version that was registered just now.

    Attributes
    ----------
    version, run_id : str
    gate : Gate
        The decision, as the version's tag and its manifest record it.
    tracking_uri : str
        Address of the store that keeps it.
    how : 'first', 'gate', 'refresh' or None
        How it became the champion; None if it did not.
    vanished : str or None
        The version that was champion and is gone from the registry; None if there is a champion, or never was one.
    """

    version: str
    run_id: str
    gate: Gate
    tracking_uri: str
    how: str | None = None
    vanished: str | None = None

    @property
    def champion(self) -> bool:
        """Whether it became the champion."""
        return self.how is not None


def register(
    trained: Trained,
    environment: Environment,
    source: str,
    *,
    against: str | None = None,
    tuning: Tuning | None = None,
    figures: dict[str, Any] | None = None,
) -> tuple[Registered, Manifest]:
    """Log a run with all its records, register the version, and make it champion if the gate allows it.

    The first version becomes champion whatever its grade. A later version becomes champion if it won at the gate, or
    is a refresh, and the champion is still the one that it was judged beside. Where the champion has vanished, nothing
    becomes champion.

    Parameters
    ----------
    trained : Trained
    environment : Environment
        Says where runs, versions and published bundles are kept.
    source : str
        The book that it was trained on; its name is part of the run's name.
    against : str, optional
        Version number of the champion that the gate compared it with; by default the present champion.
    tuning : Tuning, optional
        The tuning that chose the settings; its trials become runs nested in this one.
    figures : dict, optional
        The programme's figures of the book, a record of `features.figures.records`.

    Returns
    -------
    tuple of Registered and Manifest
    """
    with connected(environment) as client, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        champion, gone = current_version(client), vanished_champion(client, environment)
        trained = replace(trained, gate=trained.gate.settled(champion, gone))
        manifest = write_bundle(folder, trained, datetime.now(UTC).isoformat(timespec="seconds"), code_version())
        seal, plots = seal_of(folder), draw_plots(trained, Path(scratch) / "plots")
        name = run_name(source, trained)
        with mlflow.start_run(experiment_id=_experiment(client, environment), run_name=name, tags=OURS) as active:
            log_run(trained, manifest, source)
            log_files(plots, write_judged(trained.judged, Path(scratch)))
            model, model_id = log_model(trained, folder, seal)
            log_metrics(trained, figures, model_id)
            if tuning is not None:
                log_tuning(client, active, tuning)
        with redirect_stderr(StringIO()):
            tags = {"gate": trained.gate.decision, SEAL: str(seal)}
            model_version = mlflow.register_model(model, MODEL_NAME, tags=tags)
        version, run_id = str(model_version.version), active.info.run_id
        name_version(client, run_id, name, version)
        log_card(client, run_id, version, manifest)
        how = _enter(client, environment, version, trained.gate, champion if against is None else against)
        return Registered(version, run_id, trained.gate, tracking_uri(environment), how, gone), manifest


def _enter(client: MlflowClient, environment: Environment, version: str, gate: Gate, against: str | None) -> str | None:
    """Make a new version the champion if the gate opens; return how, None if it stays a candidate."""
    if not gate.opens:
        return None
    how, expected = entry_of(gate, against)
    staged = staged_bundle(client, environment, version)
    move = move_champion(client, environment.home, version, expected=expected, how=how, staged=staged, reason=gate.why)
    return None if move is None else move.how


def staged_bundle(
    client: MlflowClient, environment: Environment, version: str, bundle: Bundle | None = None
) -> Staged | None:
    """Stage a version's bundle in the folder that services watch; return None if no service watches.

    Parameters
    ----------
    client : MlflowClient
    environment : Environment
    version : str
        Its number in the registry.
    bundle : Bundle, optional
        The version's bundle, if the caller has loaded it already.

    Raises
    ------
    PublishingFailed, BundleDamaged, SignalsDiffer
        When it cannot be written or does not load.
    """
    root = publishing_folder(environment)
    if root is None:
        return None
    model_version = version_of(client, version)
    return stage(root, _local(client, environment, model_version), bundle, Seal.of(model_version.tags))


def bring_in_line(environment: Environment, root: Path) -> Pointer | None:
    """Publish the champion if the watched folder points to another version; return the pointer if it moved.

    A move that crashed half way, or a move in MLflow itself, leaves the pointer behind the alias; the alias decides.

    Raises
    ------
    NoModel
        When there is no champion.
    PublishingFailed, BundleDamaged, SignalsDiffer
        When its bundle cannot be written or does not load; the pointer stays where it was.
    """
    with connected(environment, reading=True) as client, one_at_a_time(environment.home):
        champion = version_of(client, None, environment)
        seal = Seal.of(champion.tags)
        if _points_to(root, str(champion.version), seal):
            return None
        return publish(root, _local(client, environment, champion), seal)


def _points_to(root: Path, version: str, seal: Seal | None) -> bool:
    """Whether a watched folder leads to a version's bundle, as it was published and as it was registered."""
    try:
        pointer = read_pointer(root)
        if pointer is not None:
            demand_as_published(root / pointer.folder, pointer)
            demand_sealed(root / pointer.folder, seal, version)
    except BundleDamaged:
        return False
    return pointer is not None and pointer.version == version


def fetch_bundle(environment: Environment, version: str | None = None) -> Path:
    """Return a local folder with the bundle of a version (default: the champion); it is fetched only once.

    Raises
    ------
    NoModel
        When there is no such version, or no version at all.
    BundleDamaged
        When the registry has the version, but its files are not there, or are not those that were registered.
    """
    with connected(environment, reading=True) as client:
        return _local(client, environment, version_of(client, version, environment))


def _local(client: MlflowClient, environment: Environment, model_version: ModelVersion) -> Path:
    """Return the local folder of a version's bundle; whenever it is asked for, its files are those of the seal."""
    folder = environment.home / "bundles" / f"{model_version.run_id}-{model_version.version}"
    if not folder.is_dir():
        download(client, model_version, folder)
    try:
        demand_sealed(folder, Seal.of(model_version.tags), str(model_version.version))
    except BundleDamaged as error:
        raise BundleDamaged(f"{error}. Remove the folder, and the registry's copy is fetched anew") from error
    return folder


def fetch(environment: Environment, version: str | None = None) -> Bundle:
    """Load the bundle of a version, by default the champion; raises NoModel, BundleDamaged or SignalsDiffer."""
    return load_bundle(fetch_bundle(environment, version))


def download(client: MlflowClient, model_version: ModelVersion, folder: Path) -> None:
    """Fetch the registry's copy of a version's bundle into a new folder, which appears only when it is complete.

    Raises
    ------
    BundleDamaged
        When the registry has the version, but its files are not there, or are not those that were registered.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        uri = f"{client.get_model_version_download_uri(MODEL_NAME, model_version.version)}/artifacts/bundle"
        try:
            local = Path(mlflow.artifacts.download_artifacts(uri, dst_path=scratch))
        except (MlflowException, OSError) as error:
            raise BundleDamaged(
                f"version {model_version.version}: its bundle cannot be fetched from {uri} ({error})"
            ) from error
        demand_sealed(local, Seal.of(model_version.tags))
        stamp_version(local, str(model_version.version))
        keep_private(local)
        try:
            local.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def version_of(client: MlflowClient, version: str | None, environment: Environment | None = None) -> ModelVersion:
    """Return MLflow's record of a version, by default of the champion; raises NoModel, told by the environment."""
    if version is None:
        champion = current(client)
        if champion is None:
            gone = None if environment is None else vanished_champion(client, environment)
            raise NoModel(f"{nobody_reigns(gone)} ({mlflow.get_tracking_uri()})")
        return champion
    try:
        return client.get_model_version(MODEL_NAME, version)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        there = client.search_model_versions(f"name='{MODEL_NAME}'")
        raise UnknownVersion(version, mlflow.get_tracking_uri(), (int(each.version) for each in there)) from error


def _experiment(client: MlflowClient, environment: Environment) -> str:
    experiment = client.get_experiment_by_name(MODEL_NAME)
    if experiment is not None:
        return str(experiment.experiment_id)
    local = "_MLFLOW_SERVER_ARTIFACT_ROOT" in os.environ
    artifacts = artifact_root(environment) if local else None
    return str(client.create_experiment(MODEL_NAME, artifact_location=artifacts))
