"""What is said of the foundation of a campaign."""

from alloop.monitor.wandb_numbers import publication
from alloop.outputs.readme import provenance as exported
from alloop.report.provenance import provenance_section
from alloop.report.render import html_of
from alloop.status.foundation import foundation_facts
from tests.support.histories import FOUNDATION, History

MH_1 = {"foundation": {"name": "mh-1", "head": "omat_pbe"}}


def told(**changes):
    history = History(foundation=True, **changes)
    return history, foundation_facts(history.state.created)


def test_name_head_licence_citation_and_checksum_are_told():
    _, facts = told(potential=MH_1)
    assert {"name": "mh-1", "head": "omat_pbe", "sha256": FOUNDATION}.items() <= facts.items()
    assert "ASL" in facts["licence"]
    assert "2401.00096" in facts["cite"]


def test_without_a_foundation_nothing_is_told():
    assert foundation_facts(History().state.created) is None


def test_report_export_and_weights_and_biases_name_the_licence():
    history, facts = told(potential=MH_1)
    assert exported(history.state, (), {})["foundation"] == facts
    page = html_of(provenance_section(history.state, history.entries).blocks)
    assert "mh-1" in page
    assert "Academic Software License" in page
    published = publication(history.entries[0], history.state)
    assert "ASL" in published.config["models"]["foundation"]["licence"]


def test_a_teacher_that_is_a_mace_model_has_its_licence_too():
    history = History(teacher={"model": "medium-omat-0"})
    published = publication(history.entries[0], history.state)
    assert "ASL" in published.config["models"]["teacher"]["licence"]
