import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alloop.potential.graphs import (
    UnknownElementError,
    average_neighbours,
    batches_of,
    graph_of,
    interaction_statistics,
    labelled_graphs,
)
from alloop.potential.mace_api import Batch
from tests.support.models import E0S_BY_NUMBER, frames, lithium_chloride, small_model

GRAPH = labelled_graphs(frames(1), small_model())[0]


def test_a_bare_graph_is_what_mace_would_build():
    model, frame = small_model(), frames(1)[0]
    ours, theirs = graph_of(frame, model), Batch.from_data_list(labelled_graphs([frame], model)).to_dict()
    for key, tensor in ours.items():
        assert torch.equal(tensor, theirs[key]), key
        assert tensor.dtype == theirs[key].dtype


def test_an_unknown_element_is_named():
    atoms = lithium_chloride()
    atoms.symbols[2] = "Xe"
    with pytest.raises(UnknownElementError, match="Xe"):
        graph_of(atoms, small_model())
    with pytest.raises(UnknownElementError, match="Xe"):
        labelled_graphs([atoms], small_model())


def test_graphs_follow_the_precision_of_the_model():
    frame = frames(1)[0]
    assert graph_of(frame, small_model(dtype="float64"))["positions"].dtype == torch.float64
    assert labelled_graphs([frame], small_model(dtype="float64"))[0].forces.dtype == torch.float64
    assert torch.get_default_dtype() == torch.float32


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 12), atoms_per_batch=st.integers(1, 60))
def test_batches_keep_every_frame_in_order(count, atoms_per_batch):
    graphs = [copy.copy(GRAPH) for _ in range(count)]
    for number, graph in enumerate(graphs):
        graph.energy = torch.tensor(float(number))
    batches = batches_of(graphs, atoms_per_batch)
    assert torch.cat([batch.energy for batch in batches]).tolist() == list(range(count))
    assert all(batch.num_graphs == 1 or batch.num_nodes <= atoms_per_batch for batch in batches)


def test_statistics_of_the_training_frames():
    labels = frames(3)
    scale, shift = interaction_statistics(labels, E0S_BY_NUMBER)
    assert scale == pytest.approx(np.sqrt(np.mean([f.arrays["REF_forces"] ** 2 for f in labels])))
    assert shift == pytest.approx(np.mean([(f.info["REF_energy"] + 4 * 1.75) / 8 for f in labels]))


def test_average_neighbours_counts_periodic_images():
    perfect = lithium_chloride(rattle_A=0.0)
    assert average_neighbours([perfect], 2.6) == pytest.approx(6)
    assert average_neighbours([perfect], 3.7) == pytest.approx(18)
