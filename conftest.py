"""The examples in the documentation of networks are run where torch is."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("skorch") else ["sksearch/nets"]
