"""Distances and scores of distributions, as functions of features.

They work on sums that add up over batches and processes, so that memory is constant in the number
of pictures. Sums of squares around zero lose no precision here: features of pool3 are averages of
positive numbers with deviations of their own size, and float64 has 16 digits.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from posegen.core.errors import ConfigError


def moments(features: Tensor) -> Tensor:
    """Return sums that mean and covariance follow from, and that add up over batches.

    Args:
        features: (N, D).

    Returns:
        (D + 1, D + 1) float64: XᵀX of the features with a column of ones beside them. So the last
        row holds the sums of the features, and its last element N.
    """
    extended = torch.cat([features.double(), features.new_ones(len(features), 1).double()], dim=1)
    return extended.T @ extended


def mean_and_covariance(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) and the sample covariance (D, D) of `moments`, as numpy's `cov` does."""
    count = sums[-1, -1]
    mean = sums[-1, :-1] / count
    return mean, (sums[:-1, :-1] - count * torch.outer(mean, mean)) / (count - 1)


def frechet_distance(mu1: Tensor, sigma1: Tensor, mu2: Tensor, sigma2: Tensor) -> float:
    """Return the squared Fréchet distance of two Gaussians (Heusel et al. 2017, equation 6).

    |μ1 - μ2|² + tr Σ1 + tr Σ2 - 2·tr (Σ1·Σ2)^½. The last trace is the sum of the roots of the
    eigenvalues of Σ1^½·Σ2·Σ1^½, which is symmetric, unlike Σ1·Σ2: no complex numbers, and several
    times as fast as the published programs.

    Args:
        mu1, mu2: (D,) float64.
        sigma1, sigma2: (D, D) float64; may be of less than full rank.
    """
    values, vectors = torch.linalg.eigh(sigma1)
    root = vectors * values.clamp(min=0).sqrt()
    product = torch.linalg.eigvalsh(root.T @ sigma2 @ root)
    trace = sigma1.trace() + sigma2.trace() - 2 * product.clamp(min=0).sqrt().sum()
    return max(float((mu1 - mu2).square().sum() + trace), 0.0)


def kernel_distance(
    features1: Tensor, features2: Tensor, subsets: int, subset_size: int, seed: int
) -> tuple[float, float]:
    """Return the mean and the deviation over subsets of the squared kernel distance.

    Bińkowski et al. 2018: the unbiased estimate of MMD² with the kernel (x·y / D + 1)³. Subsets are
    drawn as torch-fidelity draws them. In float64.

    Args:
        features1, features2: (N, D) and (M, D).
        subsets: how many subsets.
        subset_size: how many of each side, without putting back; at most N and M.
        seed: of the draw.
    """
    random = np.random.RandomState(seed)

    def drawn(features: Tensor) -> Tensor:
        places = random.choice(len(features), subset_size, replace=False)
        return features[torch.from_numpy(places).to(features.device)].double()

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def off_diagonal(a: Tensor) -> Tensor:
        square = kernel(a, a)
        return (square.sum() - square.trace()) / (subset_size * (subset_size - 1))

    values = []
    for _ in range(subsets):
        a, b = drawn(features1), drawn(features2)
        values.append(off_diagonal(a) + off_diagonal(b) - 2 * kernel(a, b).mean())
    distances = torch.stack(values)
    return float(distances.mean()), float(distances.std(correction=0))


def inception_score(probabilities: Tensor, splits: int) -> tuple[float, float]:
    """Return the mean and the deviation over splits of exp E KL(p(y|x) ‖ p(y)).

    Salimans et al. 2016, and their script: split i holds the rows from i·N // splits up to
    (i + 1)·N // splits, in the order given.

    Args:
        probabilities: (N, C), rows that sum to 1.
        splits: how many parts, at most N.

    Raises:
        ConfigError: for fewer rows than splits.
    """
    rows = torch.as_tensor(probabilities, dtype=torch.float64)
    return score_of_splits(*split_sums(rows, 0, len(rows), splits))


def split_sums(
    probabilities: Tensor, first: int, total: int, splits: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sums over each split that the Inception Score follows from, and that add up.

    Args:
        probabilities: (B, C) float64, of pictures first, first + 1, … of all.
        first: the first picture's place.
        total: how many pictures there are in all.
        splits: S.

    Returns:
        Per split: how many pictures (S,), Σ p (S, C), and Σ p·log p (S,).
    """
    places = torch.arange(first, first + len(probabilities), device=probabilities.device)
    ends = torch.tensor([(i + 1) * total // splits for i in range(splits)], device=places.device)
    split = torch.searchsorted(ends, places, right=True)
    members = torch.nn.functional.one_hot(split, splits).T.double()
    logs = torch.special.xlogy(probabilities, probabilities).sum(dim=1)
    return members.sum(dim=1), members @ probabilities, members @ logs


def score_of_splits(counts: Tensor, sums: Tensor, logs: Tensor) -> tuple[float, float]:
    """Return the mean and the deviation of the splits' scores from their `split_sums`.

    Raises:
        ConfigError: where a split has no picture.
    """
    if not bool((counts > 0).all()):
        raise ConfigError(
            f"an Inception Score over {len(counts)} splits needs at least {len(counts)} pictures, "
            f"and there are {int(counts.sum())}; score more pairs, or set fewer splits."
        )
    mean = sums / counts[:, None]
    scores = (logs / counts - torch.special.xlogy(mean, mean).sum(dim=1)).exp()
    return float(scores.mean()), float(scores.std(correction=0))
