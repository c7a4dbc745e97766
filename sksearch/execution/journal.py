"""A journal: what was evaluated is on disk, and the same call goes on where it stopped."""

import contextlib
import errno
import json
import os
import stat
import warnings
import weakref
import zlib
from pathlib import Path

import numpy as np

from sksearch.execution.description import describe
from sksearch.execution.identity import HIDDEN

try:
    import fcntl
except ImportError:  # Windows: no advisory locks of this kind, so two searches at a time go unnoticed
    fcntl = None

_FORMAT = 1
# How the first line begins, which is all that may be there of it.
_BEGINNING = b'{"format": 1, "identity": {"estimator": '
# What lines raise that hold something else.
_NO_JSON = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)

_OPEN = weakref.WeakSet()


def _close_in_child():
    """Close the journals that a fork has from its parent: it would hold their locks when that one is gone."""
    for journal in list(_OPEN):
        journal.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)


class Journal:
    """Append-only record of finished trials, in JSON lines.

    The first line says which search it belongs to; every other line is one finished trial (with a resource:
    one step of a trial), flushed to the disk before the search goes on. A trial is identified by its point,
    so that nothing has to be unpickled: a journal is safe to read wherever it comes from. Each trial has a
    checksum, so that nothing is taken from a line that was damaged or edited.

    Parameters
    ----------
    path : str or path-like
        File, created where it does not exist.
    identity : dict of str to str
        What the search is: its estimator, space, data, and so on. A journal with another identity is
        refused.
    details : dict
        What else to write in the first line of a new one.

    Attributes
    ----------
    details : dict
        What else the first line says, of the search that began the journal.

    Raises
    ------
    ValueError
        If the file belongs to another search, naming what differs; is not a journal; or is being written by
        another search.
    OSError
        If the file can not be opened for writing.
    """

    def __init__(self, path, identity, details):
        self.path = Path(path)
        self._recorded = {}
        try:
            self._file = open(self.path, "a+b", buffering=0)  # noqa: SIM115, kept open for the search
        except OSError as error:
            raise type(error)(
                error.errno, f"journal={str(path)!r} can not be opened for writing: {error.strerror}"
            ) from None
        try:
            if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                raise ValueError(f"journal={str(path)!r} is not a regular file; choose another one.")
            self._lock()
            _OPEN.add(self)
            self.details = self._read(identity, details)
            self._size = self._file.seek(0, os.SEEK_END)
        except OSError as error:
            self.close()
            raise type(error)(
                error.errno, f"journal={str(path)!r} can not be begun: {error.strerror}"
            ) from None
        except BaseException:
            self.close()
            raise

    def _lock(self):
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):  # some network file systems know no locks
                warnings.warn(
                    f"journal={str(self.path)!r} can not be locked ({error.strerror}); have no other search "
                    "write to it at the same time.",
                    stacklevel=2,
                )
                return
            raise ValueError(
                f"journal={str(self.path)!r} is being written by another search; wait for it, or choose "
                "another file."
            ) from None

    def _read(self, identity, details):
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        header, *trials = whole.splitlines() or [b""]
        if not header and (content.startswith(_BEGINNING) or _BEGINNING.startswith(content)):
            self._file.truncate(0)  # new, or the process was killed while it wrote this line
            self._write({"format": _FORMAT, "identity": identity, "details": details})
            return details
        try:
            header = json.loads(header)
            if header["format"] != _FORMAT:
                raise ValueError
            recorded, details = dict(header["identity"]), header["details"]
        except _NO_JSON:
            raise ValueError(
                f"journal={str(self.path)!r} is not a journal of this version, or its first line is damaged; "
                "choose another file."
            ) from None
        self._refuse_if_differing(recorded, identity)
        if len(whole) < len(content):  # the process was killed while it wrote this line
            self._file.truncate(len(whole))
        n_damaged = 0
        for line in filter(bytes.strip, trials):
            try:
                self._remember(json.loads(line))
            except _NO_JSON:
                n_damaged += 1
        if n_damaged:
            warnings.warn(
                f"journal={str(self.path)!r} is damaged in {n_damaged} of {len(trials)} lines; "
                "what they recorded is evaluated again.",
                stacklevel=2,
            )
        in_order = sorted(self._recorded.items(), key=lambda item: item[1][0])
        self._recorded = dict(in_order)  # by proposal: lines are in the order in which steps ended
        return details

    def _refuse_if_differing(self, recorded, identity):
        # Journals of earlier versions do not say what is hidden.
        known = {name: now for name, now in identity.items() if name in recorded or HIDDEN not in name}
        differing = {name: (recorded.get(name), now) for name, now in known.items()}
        differing = {name: texts for name, texts in differing.items() if texts[0] != texts[1]}
        if differing:
            name, (then, now) = next(iter(differing.items()))
            names = [other for other in differing if HIDDEN not in other] or [name]
            then, now = _excerpt(str(then), now), _excerpt(now, str(then))
            raise ValueError(
                f"journal={str(self.path)!r} belongs to another search, with a different "
                f"{', '.join(names)} ({name}: {then} then, {now} now); "
                "choose another file, or repeat the call that began it"
                f"{', with a random_state for a cv that shuffles' * (names == ['splits'])}."
            )

    def _remember(self, trial):
        if trial.pop("checksum") != _checksum(trial):
            raise ValueError
        point = np.array(trial["point"], float)
        folds = {
            int(fold): {name: _from_json(name, value) for name, value in result.items()}
            for fold, result in trial["folds"].items()
        }
        known = trial["proposal"], folds, trial["wall_time"], trial["timed_out"]
        self._recorded[point.tobytes(), trial["step"]] = known

    def recall(self, trial):
        """Give a trial the results that its next step is recorded with; return whether there are any."""
        key = trial.point.tobytes(), len(trial.steps)
        if key not in self._recorded:
            return False
        _, folds, trial.wall_time, trial.timed_out = self._recorded.pop(key)
        trial.finish_step(folds)
        return True

    def due(self, n_proposed):
        """Iterate over the steps that were proposed up to this place then, and that no trial has claimed yet.

        Where the search takes the course that is recorded there is but the next one. Steps that were under
        way when the process was killed are not recorded, and later ones may still come.

        Parameters
        ----------
        n_proposed : int
            Number of steps proposed so far.

        Yields
        ------
        point : bytes
            Of the trial.
        step : int
            Its number.
        """
        for key, (proposal, *_) in self._recorded.items():
            if proposal > n_proposed:
                return
            yield key

    def passed_over(self, point, n_proposed):
        """Return the first point that is due to begin; None if there is none, or if this one is recorded."""
        if (point.tobytes(), 0) in self._recorded:
            return None
        return next((np.frombuffer(known) for known, step in self.due(n_proposed) if step == 0), None)

    def record(self, trial):
        """Write the last step of a trial, and have it on the disk before returning.

        Where that fails, for lack of space, say, the search goes on without its journal, with a warning.
        """
        if self._file is None:
            return
        try:
            status = os.fstat(self._file.fileno())
            if status.st_nlink == 0:
                raise FileNotFoundError(errno.ENOENT, "the file was removed")
            if status.st_size < self._size:
                raise OSError(errno.EIO, "lines were removed from it")
            line = {
                "number": trial.number,
                "proposal": trial.proposal,
                "step": len(trial.steps) - 1,
                "params": {name: _readable(value) for name, value in trial.params.items()},
                "point": trial.point.tolist(),
                "wall_time": trial.wall_time,
                "timed_out": trial.timed_out,
                "folds": {str(fold): _to_json(result) for fold, result in trial.steps[-1].items()},
            }
            self._write(line | {"checksum": _checksum(line)})
        except OSError as error:
            warnings.warn(
                f"journal={str(self.path)!r} can not be written ({error.strerror}); the search goes on "
                "without it, and what is in it can be resumed.",
                stacklevel=2,
            )
            self.close()

    def _write(self, record):
        line = json.dumps(record).encode() + b"\n"
        size = self._file.seek(0, os.SEEK_END)
        try:
            while line:  # a raw write may be a partial one
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except OSError:
            self._file.truncate(size)
            raise
        self._size = self._file.tell()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        """Release the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # a fit may have closed all files
                self._file.close()
            self._file = None


def _excerpt(text, other):
    """Cut a text to where it begins to differ from another."""
    pairs = enumerate(zip(text, other, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(text), len(other)))
    start = max(0, same - 20)
    return ("..." if start else "") + text[start : same + 40] + ("..." if same + 40 < len(text) else "")


def _checksum(line):
    return zlib.crc32(json.dumps(line).encode())


def _readable(value):
    return value if isinstance(value, (bool, int, float, str)) or value is None else describe(value)


def _to_json(result):
    def plain(value):
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        if np.ndim(value):
            return [plain(item) for item in value]
        if isinstance(value, int):
            return value
        # JSON has no NaN and no infinity.
        return float(value) if np.isfinite(value) else str(float(value))

    return {name: value if name == "fit_error" else plain(value) for name, value in result.items()}


def _from_json(name, value):
    def numbers(value):
        if isinstance(value, dict):
            return {key: numbers(item) for key, item in value.items()}
        return np.array(value, float) if isinstance(value, list) else float(value)

    def as_written(value):
        if isinstance(value, dict):
            return {key: as_written(item) for key, item in value.items()}
        if isinstance(value, list):
            return [as_written(item) for item in value]
        return float(value) if isinstance(value, str) else value

    if name == "fit_error":
        return value
    if name == "details":
        return as_written(value)
    return int(value) if name == "n_test_samples" else numbers(value)
