"""The bundle of a model: written, published and loaded here.

Models that were logged before this package existed import `load_bundle` from `training.bundle`, so it stays importable.
"""

from training.bundle.bundle import Bundle as Bundle
from training.bundle.bundle import load_bundle as load_bundle
