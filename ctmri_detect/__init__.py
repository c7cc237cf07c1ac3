"""Unsupervised anomaly detection for paired brain CT and MRI.

Every method is a scikit-learn estimator. It learns normal anatomy from unlabelled pairs ``X`` of
shape ``(n_samples, n_planes, height, width)``, scores new pairs, and says where and in which
modality they deviate.
"""

from ctmri_detect._extras import lazy_package

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
