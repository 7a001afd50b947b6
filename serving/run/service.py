"""The BentoML service: it builds a worker's parts when it starts, and our app answers every request.

The model comes from the folder that `CHURN_RISK_BUNDLE` names, and the service follows the champion there; else it is
the model that the Bento carries. Neither needs MLflow. Without API keys the service, also in a Bento, answers only this
machine.
"""

from __future__ import annotations

from pathlib import Path

from serving.run.loading import loading

with loading():
    import bentoml

    from features.console import printable
    from features.errors import ChurnRiskError, NoModel
    from serving.api.app import create_app
    from serving.api.front import Front
    from serving.run import connections
    from serving.run.running import Running, before_workers, in_worker
    from serving.settings import LONGEST_ANSWER_SECONDS, ServiceSettings
    from training.bundle.seal import Seal, demand_sealed

    app = create_app()

MODEL_TAG = "churn_risk:latest"


@bentoml.service(
    name="churn_risk",
    http={"host": "127.0.0.1"},
    # Our own limits answer long before this one, with problem details.
    traffic={"timeout": 2 * LONGEST_ANSWER_SECONDS},
    # BentoML's own metrics would name paths, and so accounts.
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
    # OpenMP's threads spin while they wait; beside other work that made LightGBM thirty times slower. The library reads
    # the variable when it is loaded, before this module runs, so BentoML sets it for each worker.
    # uvicorn would believe X-Forwarded-For of anybody on this machine; `serving.api.edge.forwarded` asks the settings.
    envs=[{"name": "OMP_WAIT_POLICY", "value": "PASSIVE"}, {"name": "FORWARDED_ALLOW_IPS", "value": "nobody"}],
)
@bentoml.asgi_app(app, path="/")
class ChurnRisk:
    """Churn risk of B2B accounts: predictions from raw history, stored scores, explanation reports."""

    def __init__(self) -> None:
        settings = ServiceSettings()
        in_worker(settings)
        # Who is heard when the worker is told to stop still gets his answer.
        stop_seconds = settings.body_seconds + settings.answer_seconds
        connections.limit(settings.connections, settings.header_seconds, settings.unread_seconds, stop_seconds)
        self._running = Running(settings, settings.bundle or carried_bundle())
        self._running.start()
        app.state.runtime = self._running.runtime

    @bentoml.on_deployment  # type: ignore[untyped-decorator]
    @staticmethod
    def before_workers() -> None:
        """Run once, in BentoML's own process; end it if this worker could not serve."""
        settings = ServiceSettings()
        try:
            before_workers(settings, settings.bundle or carried_bundle())
        except ChurnRiskError as error:
            raise SystemExit(printable(f"error: {error}")) from None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        """Run in each worker after its last request."""
        self._running.stop()


connections.install()
ChurnRisk.add_asgi_middleware(Front, ours=app)  # type: ignore[attr-defined]


def carried_bundle() -> Path:
    """Return the folder of the model in the Bento or in BentoML's model store.

    Raises
    ------
    NoModel
        When there is none.
    BundleDamaged
        When its files are not those that the Bento was built with.
    """
    try:
        model = bentoml.models.get(MODEL_TAG)
    except bentoml.exceptions.NotFound as error:
        raise NoModel("no model to serve: set CHURN_RISK_BUNDLE, or run `churn-risk serve`, or `make bento`") from error
    folder = Path(model.path)
    demand_sealed(folder, Seal.of(model.info.metadata))
    return folder
