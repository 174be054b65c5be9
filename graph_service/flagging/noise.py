"""How many labels are wrong, which, and how sure that is. docs/flags.md has the equations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import beta, norm

from graph_service.flagging.channel import Channel, fit_channel
from graph_service.flagging.held_out import Opinions
from graph_service.pooling.scatter import add_rows_at

__all__ = ["Estimates", "Judgement", "by_group", "judge", "noise_rate", "transitions"]

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]

_CLEAR, _CLEAREST = 1 / 2, 1 / 8
_ENOUGH_SHARE, _MOST_TRUST = 0.5, 0.9
_GROUP_LABELS = 10.0
"""Labels that the overall rate is worth in the estimate of one annotator's."""
_EDGE = 1e-4


@dataclass(frozen=True, eq=False)
class Judgement:
    """What is thought of each of m labels.

    Attributes:
        wrong: float32 (m,), the estimated probability that the label is wrong; 0 where not judged.
        doubted: bool (m,), whether the held-out opinion prefers another class than the label states.
        rival: int8, or wider for more classes (m,), the column that it prefers among those the label does not
            state; -1 where not judged, or where there is no other.
        judged: bool (m,).
        counts: float64 (c, c), how many judged labels state column's class where row's is true, each counted
            by the distribution of its true class.
        rates: the noise rate if noise depends on the class alone, and if it grows with doubt.
    """

    wrong: Float32
    doubted: npt.NDArray[np.bool_]
    rival: npt.NDArray[np.signedinteger]
    judged: npt.NDArray[np.bool_]
    counts: Float64
    rates: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimates with the ends of their intervals: three float64 arrays of one shape, each 0 to 1."""

    estimate: Float64
    lower: Float64
    upper: Float64


def judge(opinions: Opinions, columns: npt.NDArray[np.integer]) -> Judgement:
    """Return the probability that each label is wrong, given what the others say.

    The channel gives 1 - P(true class = label | opinion, label). It is right where noise depends on the
    class alone; people, however, err more on samples that look like another class, and such errors the
    channel takes for beliefs that are in doubt. So the log-odds of all labels are moved by one constant to
    where their mean is the estimated rate (`_growing_rate`). No true class is needed.

    Args:
        opinions: of m labels.
        columns: int (m,), what each label states, as a column of the opinions.
    """
    wrong = np.zeros(len(columns), np.float32)
    doubted, classes = np.zeros(len(columns), np.bool_), opinions.beliefs.shape[1]
    rival = np.full(len(columns), -1, np.min_scalar_type(-1 - classes))
    told = np.zeros((classes, classes))  # by what is stated
    rows = np.flatnonzero(opinions.judged)
    if not len(rows):
        return Judgement(wrong, doubted, rival, opinions.judged, told, (0.0, 0.0))
    stated = columns[rows]
    channel = fit_channel(opinions, rows, stated)
    plain = np.empty(len(rows))
    for block, posterior in channel.posteriors(stated):
        plain[block] = 1 - posterior[np.arange(len(posterior)), stated[block]].astype(np.float64)
    rate = _rate(channel, stated, float(plain.mean()))
    moved = _moved(plain, rate)
    wrong[rows] = moved
    # Which classes are confused is told by the labels in which the channel sees errors, so those count more,
    # not the many that the constant moves a little.
    grown = np.minimum(plain * rate / max(float(plain.mean()), _EDGE), 1)
    for block, posterior in channel.posteriors(stated):
        mine = np.arange(len(posterior)), stated[block]
        posterior *= (grown[block] / np.maximum(plain[block], 1e-12))[:, np.newaxis].astype(np.float32)
        posterior[mine] = 1 - grown[block]
        posterior /= posterior.sum(axis=1, keepdims=True)
        add_rows_at(told, stated[block].astype(np.int64), posterior, mine[0])
    doubted[rows] = channel.preferred()[0] != stated
    for block, others in channel.rivals(stated) if classes > 1 else ():
        rival[rows[block]] = others
    return Judgement(wrong, doubted, rival, opinions.judged, told.T, (float(plain.mean()), rate))


def noise_rate(judgement: Judgement, level: float) -> Estimates:
    """Return the share of labels that are wrong, with an interval (arrays of shape ()).

    The interval covers three things: that the labels are finitely many; that it is not known which of them
    are wrong (both in `_informative`); and that labels alone do not say whether doubtful samples are
    labelled wrongly more often, for which half the distance between the two rates of the judgement counts as
    one standard deviation. It does not cover a class that looks like another to both opinions.

    Args:
        judgement: of at least one judged label.
        level: above 0 and below 1.
    """
    wrong = judgement.wrong[judgement.judged].astype(np.float64)
    rate, count = wrong.mean(), len(wrong) * _informative(wrong)
    doubt = (judgement.rates[1] - judgement.rates[0]) / 2
    width = norm.ppf((1 + level) / 2) * np.sqrt(rate * (1 - rate) / count + 1 / (4 * count**2) + doubt**2)
    return Estimates(np.asarray(rate), np.asarray(max(rate - width, 0.0)), np.asarray(min(rate + width, 1.0)))


def transitions(judgement: Judgement, level: float) -> Estimates:
    """Return P(a label states column's class | row's is true), float64 (c, c), with intervals.

    The intervals are quantiles of a beta distribution with a half of a count added on both sides (Jeffreys);
    they cover the finite number of labels and not knowing which are wrong, not an error of the noise rate
    itself. Rows of classes that no label is believed to have are 0.

    Args:
        judgement: what was thought of the labels.
        level: above 0 and below 1.
    """
    counts = judgement.counts
    totals = counts.sum(axis=1, keepdims=True)
    known = totals >= _EDGE
    estimate = np.where(known, counts / np.maximum(totals, _EDGE), 0)
    share = _informative(judgement.wrong[judgement.judged].astype(np.float64))
    lower, upper = _beta(share * counts, share * (totals - counts), 0.5, 0.5, level)
    # A count near 0 lies below the quantiles that the half added to it gives.
    lower, upper = np.minimum(lower, estimate), np.maximum(upper, estimate)
    return Estimates(estimate, np.where(known, lower, 0), np.where(known, upper, 0))


def by_group(judgement: Judgement, groups: npt.NDArray[np.integer], count: int, level: float) -> Estimates:
    """Return the noise rate of each group of labels, such as an annotator's, with intervals: float64 (g,).

    Shrunk towards the overall rate as if that had been seen on ten labels more. A group without a judged
    label has the overall rate, and a wide interval. The interval (beta) covers what that of `transitions`
    does.

    Args:
        judgement: of at least one judged label.
        groups: int (m,), the group of each label, 0 to `count` - 1.
        count: groups.
        level: above 0 and below 1.
    """
    wrong, groups = judgement.wrong[judgement.judged].astype(np.float64), groups[judgement.judged]
    overall = float(wrong.mean())
    sums = np.asarray(np.bincount(groups, wrong, count), np.float64)
    sizes = np.bincount(groups, minlength=count).astype(np.float64)
    prior = _GROUP_LABELS * np.clip(overall, _EDGE, 1 - _EDGE), _GROUP_LABELS * (1 - overall) + _EDGE
    share = _informative(wrong)
    lower, upper = _beta(share * sums, share * (sizes - sums), *prior, level)
    return Estimates((sums + prior[0]) / (sizes + sum(prior)), lower, upper)


def _informative(wrong: Float64) -> float:
    """Return the share of the labels' information that not knowing which are wrong leaves.

    By the missing-information principle (Louis, 1982): one less the mean variance p (1 - p) of what is not
    known, over the variance r (1 - r) of what is counted. So many labels count for an interval; at least a
    hundredth.
    """
    rate = wrong.mean()
    return float(max(1 - (wrong * (1 - wrong)).mean() / max(rate * (1 - rate), _EDGE), 0.01))


def _rate(channel: Channel, stated: npt.NDArray[np.integer], plain: float) -> float:
    """Return the noise rate: the channel's where labels are few, else mostly `_growing_rate`'s."""
    trust = _MOST_TRUST * min(channel.share / _ENOUGH_SHARE, 1.0)
    rate = (1 - trust) * plain + trust * _growing_rate(*channel.preferred(), stated)
    return float(np.clip(rate, _EDGE, 1 - _EDGE))


def _growing_rate(
    preferred: npt.NDArray[np.integer], confidence: Float32, stated: npt.NDArray[np.integer]
) -> float:
    """Return the noise rate when noise may grow with doubt.

    Among the clearest samples of each class opinions are right, so disagreement with them is noise. Of
    the clearest half and eighth the shares a and b of labels that disagree are taken: where noise
    depends on the class alone they are equal, and either is the rate; where it grows with doubt it goes on
    growing among the other half, and the rate is taken to be a + (a - b). The difference is shrunk as
    far as it may be chance (positive-part James-Stein).
    """
    disagree, shares = preferred != stated, np.zeros(2)
    for column in np.unique(preferred):
        rows = np.flatnonzero(preferred == column)
        rows = rows[np.argsort(-confidence[rows], kind="stable")]
        for i, part in enumerate((_CLEAR, _CLEAREST)):
            shares[i] += len(rows) * disagree[rows[: max(1, round(part * len(rows)))]].mean()
    half, eighth = shares / len(preferred)
    growth = max(half - eighth, 0.0)
    variance = half * (1 - half) * (1 / _CLEAREST - 1 / _CLEAR) / len(preferred)
    return float(half + max(growth**2 - variance, 0) / max(growth, _EDGE))


def _moved(wrong: Float64, rate: float) -> Float64:
    """Return probabilities with their log-odds moved by one constant, so that their mean is `rate`."""
    odds = logit(np.clip(wrong, _EDGE, 1 - _EDGE))
    constant = brentq(lambda move: float(expit(odds + move).mean()) - rate, -40, 40)
    moved: Float64 = expit(odds + constant)
    return moved


def _beta(hits: Float64, misses: Float64, a: float, b: float, level: float) -> tuple[Float64, Float64]:
    """Return the ends of the central interval of a beta distribution."""
    ends = (1 - level) / 2, (1 + level) / 2
    lower, upper = (beta.ppf(end, np.maximum(hits, 0) + a, np.maximum(misses, 0) + b) for end in ends)
    return lower, upper
