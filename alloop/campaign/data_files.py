"""Take the labels of files into a campaign, and tell a file whose content changed from one that was only edited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alloop.campaign.imported_labels import ImportedBatch, imported_label
from alloop.campaign.reuse import Import, brought
from alloop.checks.initial_data import read_initial_data
from alloop.checks.structures import read_system
from alloop.config.errors import ConfigError
from alloop.config.loading import LoadedConfig
from alloop.materials.structure import Structure
from alloop.state.state import CampaignState


def labels_of_files(loaded: LoadedConfig, imports: Sequence[Import] = ()) -> Iterator[ImportedBatch]:
    """Yield the labels of every file in ``data.initial`` that gives any beside those of other campaigns."""
    data = loaded.config.data
    for name, file in read_initial_data(loaded, brought(imports).places).items():
        results = (imported_label(atoms, data.energy_key, data.forces_key, data.stress_key) for atoms in file.frames)
        if file.frames:
            yield ImportedBatch(data.reference, name, tuple(results))


def changed_files(loaded: LoadedConfig, state: CampaignState) -> list[str]:
    """Return in words every file that no longer holds the crystal or the labels that a campaign has from it.

    Spaces, comments and the like may change.
    """
    return [*_changed_structures(loaded, state), *_changed_labels(loaded, state)]


def _changed_structures(loaded: LoadedConfig, state: CampaignState) -> Iterator[str]:
    assert state.created is not None
    known = {system.name: system.structure for system in state.created.systems}
    for i, system in enumerate(loaded.config.systems):
        try:
            same = all(known.get(name) == structure for name, structure in read_system(loaded, i).items())
        except ConfigError:
            same = False
        if not same:
            yield f"the structure in `{system.structure}` (systems[{i}].structure)"


def _changed_labels(loaded: LoadedConfig, state: CampaignState) -> Iterator[str]:
    names = loaded.config.data.initial
    if not names:
        return
    try:
        now = {result.key: result for batch in labels_of_files(loaded) for result in batch.results}
    except ConfigError:
        now = {}
    strange = [now[key] for key in now.keys() - state.imported_from_files]
    digests = {Structure.model_validate(result.data["structure"]).digest() for result in strange}
    if not state.imported_from_files <= now.keys() or not digests <= state.imported_structures:
        yield f"the labels in {' or '.join(f'`{name}`' for name in names)} (data.initial)"
