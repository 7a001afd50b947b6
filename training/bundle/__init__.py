"""The bundle of a model: written, published and loaded here.

Models that were logged before this package existed import `load_bundle` from `training.bundle`, so it stays importable.
It is loaded when asked for: what needs a file of this package alone does without LightGBM, whose import takes seconds.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.bundle.bundle import Bundle as Bundle
    from training.bundle.bundle import load_bundle as load_bundle


def __getattr__(name: str) -> Any:
    if name not in ("Bundle", "load_bundle"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from training.bundle import bundle

    return getattr(bundle, name)
