"""What the curves of a training say: how it went, in a sentence with the numbers behind it."""

from dataclasses import dataclass
from textwrap import fill

import numpy as np

# A trend or a difference counts when it is this many standard errors.
_SURE = 3.0
# Fewer epochs have no trend.
_SHORTEST = 5
# Of what the losses span, so that their unit does not matter: what is much, what is clear, and what is some.
_MUCH = 0.5
_CLEAR = 0.25
_SOME = 0.1


@dataclass(frozen=True)
class Diagnosis:
    """How a training went.

    Attributes
    ----------
    verdict : str
        "diverging", "learning rate too high", "overfitting", "learning rate too low", "stopped too early",
        "underfitting", "healthy", or "unclear" where there are too few epochs.
    sentence : str
        The verdict with its reason, and what to try.
    numbers : dict of str to float
        What it rests on, see `diagnose`.
    """

    verdict: str
    sentence: str
    numbers: dict

    def __str__(self):
        return self.sentence


@dataclass(frozen=True)
class _Curve:
    """A loss per epoch, and lines fitted to its beginning and end."""

    values: np.ndarray

    @property
    def window(self):
        return max(4, len(self.values) // 3)

    @property
    def noise(self):
        """Standard deviation around a smooth curve, from second differences; the median ignores jumps."""
        return float(1.4826 * np.median(np.abs(np.diff(self.values, 2))) / np.sqrt(6))

    @property
    def roughness(self):
        """The same of the last half alone, with its jumps."""
        last = np.diff(self.values, 2)[-max(3, len(self.values) // 2) :]
        return float(np.sqrt(np.mean(last**2) / 6))

    @property
    def end(self):
        return _line(self.values[-self.window :])[0]

    @property
    def slope(self):
        """Change per epoch at the end; 0 if it is not sure."""
        last = self.values[-self.window :]
        _, slope, residual = _line(last)
        error = max(residual, self.noise) / (np.std(np.arange(len(last))) * np.sqrt(len(last)))
        return slope if abs(slope) > _SURE * error else 0.0

    @property
    def first_slope(self):
        return _line(self.values[: self.window])[1]

    @property
    def smooth(self):
        """Medians of three neighbours."""
        padded = np.pad(self.values, 1, mode="edge")
        return np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)


def diagnose(history, chance=None):
    """Say how a training went, from its curves of training and validation loss.

    The rules compare smoothed ends of the curves with each other, trends with the noise around them, and
    all with the fall of the loss from its start, so that units do not matter. Without a validation loss
    (``train_split=None``) they can not see overfitting.

    Parameters
    ----------
    history : History, list of dict, NeuralNet, Pipeline or search
        The history of a skorch net, with "train_loss" and perhaps "valid_loss" in each epoch, or what has
        one: a fitted net, a pipeline that ends in one, a search whose best estimator is one of these.
    chance : float, default=None
        Loss of the best constant prediction, such as the variance of a regression's target. By default the
        loss of the first batch, which for classifiers is about the same.

    Returns
    -------
    diagnosis : Diagnosis
        Its `numbers` are

        - ``n_epochs``,
        - ``start``: `chance`, or the loss of the first batch (of the first epoch, if batches are not known),
        - ``train_end``, ``valid_end``: the losses at the end, from lines fitted to the last third,
        - ``valid_best``, ``best_epoch``: the lowest smoothed validation loss, and when (from 1),
        - ``learned``: share of `start` that the training loss lost,
        - ``gap``: share of the fall of the training loss that validation did not follow,
        - ``rise``: how much validation rose since its best, as a share of its fall,
        - ``pace``: what half as many epochs more would bring at the pace of the end, as a share of the fall,
        - ``straightness``: slope at the end over slope at the beginning; 1 is a straight line,
        - ``roughness``: standard deviation of the training loss around its trend, as a share of `start`.

        Those of validation are missing where there is none, and all but the first where a loss is not finite
        or epochs are too few.

    Raises
    ------
    ValueError
        If there is no training loss.

    Examples
    --------
    >>> from sksearch.nets import diagnose
    >>> train = [1 / epoch for epoch in range(1, 21)]
    >>> valid = [1 / epoch + 0.02 * epoch for epoch in range(1, 21)]
    >>> history = [{"train_loss": t, "valid_loss": v} for t, v in zip(train, valid)]
    >>> print(diagnose(history))
    Overfitting: the validation loss was best in epoch 7 (0.285) and has risen to 0.449 since, ...
    """
    rows = _rows(history)
    train = _column(rows, "train_loss")
    if not len(train):
        raise ValueError("The history has no 'train_loss'; pass that of a net that has been trained.")
    valid = _column(rows, "valid_loss")
    for name, losses in (("training", train), ("validation", valid)):
        if not np.isfinite(losses).all():
            return Diagnosis(
                "diverging",
                f"Diverging: the {name} loss is not finite from epoch {np.argmin(np.isfinite(losses)) + 1} "
                "on; lower the learning rate or clip gradients.",
                {"n_epochs": len(train)},
            )
    if len(train) < _SHORTEST:
        return Diagnosis(
            "unclear",
            f"Unclear: {len(train)} epochs are too few to see a trend; train for at least {_SHORTEST}.",
            {"n_epochs": len(train)},
        )
    begin = _Beginning.of(rows, train)
    start = begin.loss if chance is None else chance
    train = _Curve(train)
    valid = _Curve(valid) if len(valid) == len(train.values) else None
    numbers = _numbers(train, valid, start)
    for rule in (_diverging, _too_high, _overfitting, _too_low, _too_early, _underfitting):
        found = rule(numbers, train, valid, begin)
        if found is not None:
            verdict, reason = found
            break
    else:
        verdict = "healthy"
        reason = f"the training loss fell from {start:.3g} to {numbers['train_end']:.3g} and has settled" + (
            "; without a validation loss nothing is known about overfitting."
            if valid is None
            else f", and the validation loss is at {numbers['valid_end']:.3g}, near its best."
        )
    return Diagnosis(verdict, f"{verdict.capitalize()}: {reason}", numbers)


def plot_curves(histories, ax=None):
    """Draw the training (dashed) and validation (solid) loss over the epochs.

    Parameters
    ----------
    histories : History or other argument of `diagnose`, or dict of str to such
        What to draw; several by their labels. A single one has its diagnosis as title.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; a new figure by default.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Examples
    --------
    >>> history = [{"train_loss": 1 / n, "valid_loss": 2 / n} for n in range(1, 9)]
    >>> ax = plot_curves({"a net": history})
    >>> ax.get_xlabel()
    'epoch'
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(7, 4), layout="constrained")[1]
    several = isinstance(histories, dict)
    for number, (label, history) in enumerate((histories if several else {"": histories}).items()):
        rows = _rows(history)
        for name, style in (("train", "--"), ("valid", "-")):
            losses = _column(rows, f"{name}_loss")
            if len(losses):
                epochs = np.arange(1, len(losses) + 1)
                ax.plot(epochs, losses, style, color=f"C{number}", label=f"{label} {name}".strip())
    ax.set(xlabel="epoch", ylabel="loss")
    ax.locator_params(axis="x", integer=True)
    if all((line.get_ydata() > 0).all() for line in ax.lines):
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        if high < 10 * low:  # labels between powers of ten, which are not to be written as such
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter("{x:g}")
    ax.legend(frameon=False, fontsize=8)
    if not several:
        ax.set_title(fill(diagnose(histories).sentence, 90), fontsize=8, loc="left")
    return ax


def _rows(history):
    for name in ("best_estimator_", "history"):
        if not isinstance(history, list) and hasattr(history, name):
            return _rows(getattr(history, name))
    if hasattr(history, "steps"):
        return _rows(history.steps[-1][1])
    if not isinstance(history, list):
        raise ValueError(
            f"diagnose needs the history of a skorch net, or a fitted net, pipeline or search that has one, "
            f"got {type(history).__name__}."
        )
    return list(history)


def _column(rows, name):
    return np.array([row[name] for row in rows if name in row], dtype=float)


@dataclass(frozen=True)
class _Beginning:
    """The loss before the training, and how far it went beyond.

    Attributes
    ----------
    loss : float
        Of the first batch, or, where it is higher, of those soon after: a single batch may be an easy one.
    peak : float
        Highest mean loss of three batches in a row, in the first epoch.
    spread : float
        How far above its mean such a loss came in the last epoch, because some batches are hard.
    """

    loss: float
    peak: float
    spread: float

    @classmethod
    def of(cls, rows, train):
        batches = [[b["train_loss"] for b in row.get("batches", ()) if "train_loss" in b] for row in rows]
        if not all(batches):
            return cls(float(train[0]), float(train.max()), 0.0)
        first, last = batches[0][0], batches[-1]
        soon = max(train[0], np.median(batches[0][: max(1, len(batches[0]) // 4)]))
        # Soon after may be too late, when the first steps were too large.
        loss = max(first, soon) if soon - first < _MUCH * abs(first) else first
        spread = max(0.0, _highest(last) - np.mean(last))
        return cls(float(loss), _highest(batches[0]), float(spread))


def _highest(losses):
    return float(np.convolve(losses, np.full(3, 1 / 3), "same").max())


def _line(values):
    """Fit a line; return its value at the end, slope, and the standard deviation around it."""
    at = np.arange(len(values)) - (len(values) - 1)
    slope, end = np.polyfit(at, values, 1)
    residual = np.sqrt(np.sum((values - end - slope * at) ** 2) / (len(values) - 2))
    return float(end), float(slope), float(residual)


def _ratio(part, whole):
    return part / whole if whole > 0 else np.inf if part > 0 else 0.0


def _numbers(train, valid, start):
    n_epochs = len(train.values)
    fall = start - train.end
    numbers = {
        "n_epochs": n_epochs,
        "start": float(start),
        "train_end": train.end,
        "learned": fall / start if start > 0 else np.nan,
        "straightness": _ratio(-train.slope, -train.first_slope),
        "roughness": _ratio(train.roughness, abs(start)),
    }
    judged = train
    if valid is not None:
        best = int(np.argmin(valid.smooth))
        judged = valid
        numbers |= {
            "valid_end": valid.end,
            "valid_best": float(valid.smooth[best]),
            "best_epoch": best + 1,
            "gap": _ratio(valid.end - train.end, fall),
            "rise": _ratio(valid.end - valid.smooth[best], start - valid.smooth[best]),
        }
    return numbers | {"pace": _ratio(max(0.0, -judged.slope) * n_epochs / 2, start - judged.end)}


# Each rule returns None, or its verdict and reason.


def _diverging(numbers, train, valid, begin):
    best = train.smooth.min()
    above, climb = train.end - begin.loss, train.end - best
    scale = abs(begin.loss)
    if train.slope >= 0 and above > max(_CLEAR * scale, min(_SURE * train.noise, _MUCH * scale)):
        reason = f"the training loss ends at {train.end:.3g}, above the {begin.loss:.3g} that it began with"
    elif climb > max(_MUCH * (begin.loss - best), _SOME * scale, _SURE * train.roughness):
        reason = f"the training loss fell to {best:.3g}, and has risen to {train.end:.3g} since"
    else:
        return None
    return "diverging", f"{reason}; lower the learning rate or clip gradients."


def _too_high(numbers, train, valid, begin):
    top, scale = train.values.max(), abs(begin.loss)
    leap = begin.peak - begin.loss > max(_CLEAR * scale, _SURE * begin.spread)
    if numbers["roughness"] > _SOME:
        reason = (
            f"the training loss jumps up and down by {numbers['roughness']:.0%} of the "
            f"{numbers['start']:.3g} that it began with"
        )
    elif top - begin.loss > _MUCH * scale or (leap and numbers["learned"] < _MUCH):
        reason = (
            f"the training loss leapt from {begin.loss:.3g} to {max(top, begin.peak):.3g} before it came "
            f"down to {train.end:.3g}"
        )
    else:
        return None
    return "learning rate too high", f"{reason}; lower it, warm it up, or take larger batches."


def _overfitting(numbers, train, valid, begin):
    if valid is None or numbers["learned"] < _SOME:
        return None
    climb, gap = numbers["valid_end"] - numbers["valid_best"], numbers["valid_end"] - train.end
    if numbers["rise"] > _SOME and climb > _SURE * valid.noise and valid.slope > 0:
        reason = (
            f"the validation loss was best in epoch {numbers['best_epoch']} ({numbers['valid_best']:.3g}) "
            f"and has risen to {numbers['valid_end']:.3g} since, with the training loss at {train.end:.3g}; "
            "stop there, or regularize more (dropout, weight decay, augmentation)."
        )
    elif numbers["gap"] > _CLEAR and gap > _SURE * valid.noise and numbers["pace"] < _SOME:
        reason = (
            f"the training loss fell from {numbers['start']:.3g} to {train.end:.3g}, of which validation "
            f"({numbers['valid_end']:.3g}) followed {max(0.0, 1 - numbers['gap']):.0%} only; regularize more "
            "(dropout, weight decay, augmentation), or take a smaller net."
        )
    else:
        return None
    return "overfitting", reason


def _too_low(numbers, train, valid, begin):
    start, n_epochs = numbers["start"], numbers["n_epochs"]
    if start <= 0 or numbers["straightness"] < _MUCH:
        return None
    after_twice = numbers["learned"] - train.slope * n_epochs / start
    if after_twice > _MUCH:
        return None
    return "learning rate too low", (
        f"after {n_epochs} epochs the training loss has lost {numbers['learned']:.0%} of its {start:.3g}, "
        f"and falls {numbers['straightness']:.1f} times as fast as in the beginning: twice the epochs would "
        f"bring {after_twice:.0%}; raise the learning rate."
    )


def _too_early(numbers, train, valid, begin):
    if numbers["pace"] > _SOME:
        what = "training" if valid is None else "validation"
        return "stopped too early", (
            f"the {what} loss still falls; at this pace another {numbers['n_epochs'] // 2} epochs would "
            f"bring {numbers['pace']:.0%} of what the first {numbers['n_epochs']} did; raise max_epochs."
        )
    return None


def _underfitting(numbers, train, valid, begin):
    if numbers["learned"] < _MUCH:
        return "underfitting", (
            f"the training loss has settled at {train.end:.3g}, having lost {numbers['learned']:.0%} of its "
            f"{numbers['start']:.3g}; take a larger net, regularize less, or another learning rate (unless "
            "the rest is noise in the data)."
        )
    return None
