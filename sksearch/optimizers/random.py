"""The reference every other search algorithm has to beat."""

from scipy.stats import qmc

from sksearch.optimizers.base import Optimizer


class RandomOptimizer(Optimizer):
    """Quasi-random search: a scrambled Sobol sequence, blind to the values it is told.

    Sobol points fill the cube more evenly than independent draws do, so this is the stronger of the two
    usual baselines.

    References
    ----------
    Owen, "Randomly permuted (t, m, s)-nets and (t, s)-sequences", 1995.
    """

    def __init__(self, space, rng):
        super().__init__(space, rng)
        within = 0 < space.n_columns <= qmc.Sobol.MAXDIM
        self._sobol = qmc.Sobol(space.n_columns, rng=rng) if within else None

    def _propose(self):
        if self._sobol is None:
            return self.space.sample(1, self.rng)
        return self.space.draw(self._sobol.random(1))
