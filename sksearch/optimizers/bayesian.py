"""Bayesian optimization: model the values told, ask where the model promises most."""

from copy import copy
from itertools import islice

import numpy as np

from sksearch.optimizers.acquisition import ACQUISITIONS, maximize
from sksearch.optimizers.density import better_rows, sample_like
from sksearch.optimizers.gp import GaussianProcess
from sksearch.optimizers.pareto import scalarize
from sksearch.optimizers.random import RandomOptimizer
from sksearch.optimizers.stretch import standardize, unstandardize
from sksearch.optimizers.threads import one_thread

# Points from which the acquisition is climbed: spread out, and around the best known ones.
_N_SPREAD = 512
_N_AROUND = 256
_N_INCUMBENTS = 5

# Every so many proposals are chosen from this few, drawn like the better ones, and not climbed.
_SAMPLED = 2
_N_SAMPLED = 16

# And every so many from the least tried branch, category or combination of these, of which so few draws are
# compared that the model does not choose alone where, either.
_RARE = 8
_N_RARE = 4

# Most points the model's hyperparameters are fitted to, and most it is conditioned on: beyond, time grows
# with the square and the cube of the number, and what is learned hardly does.
_MOST_FITTED = 250
_MOST_CONDITIONED = 1500


class BayesianOptimizer(RandomOptimizer):
    """Gaussian-process search.

    The first `n_initial_points` points come from a Sobol sequence. Then each proposal maximises an
    acquisition function over a Gaussian process fitted to all values told, on a scale that stretches the
    differences between the good ones. Points that are pending enter the model with their predicted value,
    so that several can be asked for at once. Failures count as the worst value seen.

    A model that is wrong can keep a search where it is, on a plateau of equal scores or in the corners of
    the cube, where it is always uncertain. So every second proposal is the best, by the acquisition
    function, of only a few points drawn from a density of the better points told (Bergstra et al., 2011):
    what the model prefers among a few plausible points depends less on its mistakes than its maximum over
    the whole cube does. In a space with branches these are the better ones of one branch, drawn anew each
    time: one that is easy to tune would have all of them. A few bad points of a branch, a category, or a
    combination of categories can convince the model that all of it is bad: so every eighth proposal has what
    was tried least of one of these.

    With several objectives, each proposal weighs them in another way, with weights drawn uniformly from the
    simplex, and maximises the weighted objective by the same means (`pareto.scalarize`; Knowles, 2006).

    Parameters
    ----------
    space : Space
        What may be asked.
    rng : numpy.random.Generator
        The only source of randomness.
    n_initial_points : int or "auto", default="auto"
        Number of points before the model is used; "auto" is between 4 and 10, growing with the number of
        dimensions.
    acquisition : {"log-ei", "ucb"}, default="log-ei"
        What a proposal maximises.

    References
    ----------
    Jones, Schonlau & Welch, "Efficient global optimization of expensive black-box functions", 1998.
    Bergstra, Bardenet, Bengio & Kegl, "Algorithms for hyper-parameter optimization", 2011, section 4.
    Knowles, "ParEGO: a hybrid algorithm with on-line landscape approximation for expensive multiobjective
    optimization problems", 2006.
    Ginsbourger, Le Riche & Carraro, "Kriging is well-suited to parallelize optimization", 2010.
    """

    def __init__(self, space, rng, *, n_initial_points="auto", acquisition="log-ei"):
        super().__init__(space, rng)
        if n_initial_points == "auto":
            n_initial_points = int(np.clip(space.n_columns + 2, 4, 10))
        self.n_initial_points = n_initial_points
        self.acquisition = acquisition
        self._gp = GaussianProcess(space)
        self._n_restarted = 0

    def predict(self, params):
        """Say what the model expects of parameter settings: its belief about their values.

        Parameters
        ----------
        params : dict or list of dict
            Settings in the space, for instance ``search.best_params_``.

        Returns
        -------
        mean, std : float, or ndarray of shape (n_settings,) for a list
            Posterior mean and standard deviation of the value, its fitted noise included, on its own scale.

        Raises
        ------
        TypeError
            If a setting is no dict.
        ValueError
            If a setting is not in the space, less than two different values were told, or values of several
            objectives.

        Examples
        --------
        >>> import numpy as np
        >>> from sksearch.optimizers import BayesianOptimizer
        >>> from sksearch.space import Space
        >>> space = Space({"a": (0.0, 1.0)})
        >>> optimizer = BayesianOptimizer(space, np.random.default_rng(0))
        >>> points = space.sample(9, np.random.default_rng(1))
        >>> optimizer.tell(points, -((points[:, 0] - 0.3) ** 2))
        >>> mean, std = optimizer.predict({"a": 0.3})
        >>> bool(-0.05 < mean < 0.05)
        True
        """
        if self.values.ndim > 1:
            raise ValueError(
                "There is no model of each objective: every proposal weighs them in another way."
            )
        if not self._can_model(self.values):
            raise ValueError("There is no model yet: it takes two points with different values.")
        settings = [params] if isinstance(params, dict) else list(params)
        if not all(isinstance(setting, dict) for setting in settings):
            raise TypeError(
                f"params must be a dict or a list of dicts, got {type(params).__name__}; of a data frame, "
                "pass frame.to_dict('records')."
            )
        points = np.reshape([self.space.encode(setting) for setting in settings], (-1, self.space.n_columns))
        with one_thread():
            gp = copy(self._gp)  # without the points that are pending, and without a trace in the search
            modelled = standardize(self.values, self.noise)
            mean, std = gp.condition(*self._representative(_MOST_CONDITIONED, *modelled)).predict(points)
        # A value varies about the function: what is known of the one is not known of the other.
        std = np.hypot(std, np.sqrt(gp.noise_variance))
        mean, std = unstandardize(mean, std, self.values, self.noise)
        return (float(mean[0]), float(std[0])) if isinstance(params, dict) else (mean, std)

    def expect(self, point):
        """Take note of a point that was not asked, and learn as for one that was; see `Optimizer`."""
        if self.values.ndim == 1 and not self._is_initial() and self._can_model(self.values):
            with one_thread():
                self._update_model(self.values)
        super().expect(point)

    def similarity(self, A, B):
        """Say how much alike points are, with the length-scales learned so far; see `Optimizer`."""
        return self._gp.correlation(A, B)

    def _propose(self):
        if self._is_initial():
            return super()._propose()
        values = self._scalars()
        if not self._can_model(values):
            return super()._propose()
        self._update_model(values)
        # What is pending may well turn out best, and is then what the next one has to improve on.
        incumbent = self._gp.predict(np.vstack([self.points, *self._pending.values()]))[0].max()
        acquisition = ACQUISITIONS[self.acquisition](self._gp, incumbent)
        n_known = len(self._told) + len(self._pending)
        if n_known % _RARE == 0 and len(rare := self._rare()):
            return rare[np.argsort(-acquisition(rare), kind="stable")]
        if n_known % _SAMPLED == 0:
            sampled = self._like_the_better(values)
            return sampled[np.argsort(-acquisition(sampled), kind="stable")]
        return maximize(acquisition, self.space, self._candidates(values))

    def _like_the_better(self, values):
        """Draw a few points that are like the better ones: in a space with branches, those of one of them.

        Each branch has its turn as often as another. The best of all are soon of the branch that is easy to
        tune, and only those of another one say where in that one to look.
        """
        if len(self.space.branches) > 1:
            branch = self.space.sample(1, self.rng)[0, 0]
            of_branch = self.points[:, 0] == branch
            if of_branch.sum() > 1:
                good = self.points[of_branch][better_rows(values[of_branch])]
                drawn, _ = sample_like(self.space, good, 4 * _N_SAMPLED, self.rng)
                inside = (point for point in drawn if point[0] == branch and self._is_new(point))
                if enough := list(islice(inside, _N_SAMPLED)):
                    return np.array(enough)
        return sample_like(self.space, self.points[better_rows(values)], _N_SAMPLED, self.rng)[0]

    def _rare(self):
        """Draw points with the least tried value of a choice, or combination of choices; none without one.

        A choice is the branch, a category, or one of two numbers. All of them are looked at together where
        there are so few combinations that each could have been tried.
        """
        is_choice = ~self.space.ordered | (self.space.n_values == 2)
        for columns, _ in self.space.subsets:
            is_choice[columns] = False
        choices = np.flatnonzero(is_choice)
        if not len(choices):
            return choices
        # A branch of which all is known is not one that was tried too little.
        drawn = [point for point in self.space.sample(_N_SPREAD, self.rng) if self._is_new(point)]
        known = [*self.points, *self._pending.values()]
        drawn, known = (np.reshape(points, (-1, self.space.n_columns)) for points in (drawn, known))
        # Column 0 is the branch, where there are several: what else is chosen depends on it.
        if len(self.space.branches) > 1 and self.rng.random() < 0.5:
            choices = choices[:1]
        elif len(np.unique(drawn[:, choices], axis=0)) > len(known):
            choices = self.rng.choice(choices, 1)
            drawn, known = (points[self.space.active(points)[:, choices[0]]] for points in (drawn, known))
        n_tried = (known[:, choices] == drawn[:, None, choices]).all(axis=2).sum(axis=1)
        return drawn[n_tried == n_tried.min(initial=len(known))][:_N_RARE]

    def _is_initial(self):
        return len(self._told) + len(self._pending) < self.n_initial_points

    def _can_model(self, values):
        return self.space.n_columns > 0 and len(np.unique(values[np.isfinite(values)])) > 1

    def _scalars(self):
        """One value per point: the one told, or what weights drawn anew make of several objectives."""
        if self.values.ndim == 1:
            return self.values
        return scalarize(self.values, self.rng.dirichlet(np.ones(self.values.shape[1])))

    def _update_model(self, values):
        modelled = standardize(values, self.noise)
        n = len(values)
        # Hyperparameters settle: they are fitted from scratch, and with many points fitted at all, only when
        # a tenth of the points is new. Several objectives are weighed anew each time, and fitted anew.
        if (restart := n > 1.1 * self._n_restarted) or n < 50 or self.values.ndim > 1:
            self._gp.fit(*self._representative(_MOST_FITTED, *modelled), restart=restart)
            self._n_restarted = n if restart else self._n_restarted
        self._gp.condition(*self._representative(_MOST_CONDITIONED, *modelled))
        if self._pending:
            self._gp.fantasize(np.array(list(self._pending.values())))

    def _representative(self, n, y, *errors):
        """At most n of the points told, their values and what is known of the errors of these."""
        rows = representative(y, n)
        return self.points[rows], y[rows], *(error[rows] for error in errors)

    def _candidates(self, values):
        """Spread points, and perturbed copies of the best known ones."""
        spread = self.space.sample(_N_SPREAD, self.rng)
        best = self.points[np.argsort(-values, kind="stable")[:_N_INCUMBENTS]]
        around = best[self.rng.integers(len(best), size=_N_AROUND)]
        shape = around.shape
        # A heavy spread of scales, from fine tuning to half the cube, on about half of the coordinates.
        scale = 10.0 ** self.rng.uniform(-2.5, -0.3, size=(len(around), 1))
        moved = np.clip(around + scale * self.rng.standard_normal(shape), 0.0, 1.0)
        redrawn = self.rng.random(shape)
        moved = np.where(self.space.ordered, moved, np.where(redrawn < 0.3, spread[:_N_AROUND], around))
        moved = np.where(self.rng.random(shape) < 0.5, moved, around)
        return np.vstack([spread, self.space.snap(moved)])


def representative(y, n):
    """Rows of at most n values: the n / 2 best, and of the others every so many; ndarray of int, in order."""
    if len(y) <= n:
        return np.arange(len(y))
    order = np.argsort(-y, kind="stable")
    others = np.linspace(n // 2, len(y) - 1, n - n // 2).round().astype(int)
    return np.sort(np.concatenate([order[: n // 2], order[others]]))
