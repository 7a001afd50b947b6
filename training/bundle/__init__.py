"""The bundle: what is written, published and loaded of a model. Serving imports no more of training than this.

`load_bundle` stands here too: models that were logged before this package existed import it from `training.bundle`.
"""

from training.bundle.bundle import Bundle as Bundle
from training.bundle.bundle import load_bundle as load_bundle
