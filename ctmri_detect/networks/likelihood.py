"""The loss of networks that predict a mean and a variance."""

from __future__ import annotations

import torch
from torch import Tensor

MSE_SHARE = 0.3  # of the training: squared error first, so that hard pixels are learned too
MSE_WEIGHT = 10.0
BOUND = 5.0  # keeps the predicted SD between 0.08 and 12 SD of the intensities


def bounded(log_variance: Tensor) -> Tensor:
    """Log-variance within -5..5, smoothly."""
    return BOUND * torch.tanh(log_variance / BOUND)


def trimmed_likelihood(error: Tensor, log_variance: Tensor, progress: float, trim: float) -> Tensor:
    """Ten times the squared error at first, then the Gaussian negative log-likelihood.

    The share `trim` of a batch with the largest standardised errors is left out, so that rare
    lesions in the training set are not learned as normal (least trimmed squares, Rousseeuw 1984,
    J. Am. Stat. Assoc. 79:871-880).

    Parameters
    ----------
    error : Tensor (n,)
        Squared errors.
    log_variance : Tensor (n,)
        Predicted.
    progress : float
        0 to 1 over the training.
    trim : float
        From 0 to below 1.

    Returns
    -------
    Tensor
        A scalar; 0 without a pixel.

    Examples
    --------
    >>> error, log_variance = torch.tensor([1.0, 1.0, 1.0, 100.0]), torch.zeros(4)
    >>> float(trimmed_likelihood(error, log_variance, 1.0, trim=0.25))
    0.5
    """
    if not error.numel():
        return (error + log_variance).sum()
    weighted = error * torch.exp(-log_variance)
    kept = error.numel() - int(trim * error.numel())
    if kept < error.numel():
        bar = weighted.detach().kthvalue(kept).values
        used = weighted.detach() <= bar
        error, log_variance, weighted = error[used], log_variance[used], weighted[used]
    if progress < MSE_SHARE:
        return MSE_WEIGHT * error.mean()
    return 0.5 * (weighted + log_variance).mean()
