"""Requests of fits, as the decisions ask for them in a made-up campaign."""

from alloop.decisions.fit_requests import member, rung_fit
from alloop.journal.events import LabelsImported

OTHER = LabelsImported(reference="other", source="file", keys=("o1", "o2"))


def refit(history, number, generation=-1, attempt=0):
    return member(history.charter, history.state, history.state.generations[generation], number, attempt=attempt)


def fit_of(history, size, number=0, attempt=0):
    return rung_fit(history.charter, history.state, history.state.rungs[size], number, attempt=attempt)
