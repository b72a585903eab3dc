"""What a changed journal may hold is refused with the reason; errors of alloop are not taken for it."""

import pytest

from alloop import cli
from alloop.journal.events import TaskFinished, event_from_json
from alloop.journal.journal import Entry, JournalError
from alloop.state import fold as fold_room
from alloop.state.fold import fold
from tests.support.journals import START_T, play, script


@pytest.fixture(scope="module")
def told():
    return [event for _, event in script()[0]]


def first(told, kind, **fields):
    """Return the place of the first event of a kind with some fields."""
    return next(
        place
        for place, event in enumerate(told)
        if event.kind == kind and all(getattr(event, name) == value for name, value in fields.items())
    )


def folded(events):
    return fold(Entry(seq, START_T + seq, event) for seq, event in enumerate(events, start=1))


def changed(event, **changes):
    """Return an event as it comes from a journal in which somebody changed fields, or entries of its dictionaries."""
    fields = event.model_dump(mode="json")
    for name, value in changes.items():
        fields[name] = {**fields[name], **value} if isinstance(value, dict) else value
    return event_from_json(type(event).model_validate(fields).model_dump_json())


def test_a_campaign_that_nobody_changed_folds(told):
    assert folded(told).verdict is not None


def test_nothing_happens_before_the_campaign_was_created(told):
    with pytest.raises(JournalError, match="no campaign was created before it"):
        folded(told[1:])


@pytest.mark.parametrize(
    ("kind", "where", "changes", "says"),
    [
        ("campaign_created", {}, {"config": {"potential": {}}}, "`config.potential.committee` does not fit"),
        ("campaign_created", {}, {"config": {"ladder": {"rungs": ["many"]}}}, "`config.ladder"),
        ("task_planned", {"task": "label"}, {"task": "mine"}, "no kind of task `mine`"),
        ("task_planned", {"task": "label"}, {"request": {"code": []}}, "`request.code` does not fit"),
        ("task_planned", {"task": "label"}, {"context": {"frame": "no/such/1"}}, "no frame `no/such/1` to be labelled"),
        ("task_planned", {"task": "explore"}, {"context": {"segment": "1"}}, "its walkers do not fit"),
        ("task_planned", {"task": "explore"}, {"context": {"walkers": {}}}, "not a list of walkers"),
        ("task_planned", {"task": "initial"}, {"context": {"walkers": [{}, {}]}}, "more than one walker"),
        ("task_planned", {"task": "explore"}, {"context": {"system": "LiF"}}, "no system `LiF`"),
        ("task_planned", {"task": "fit"}, {"context": {"generation": "0"}}, "`context.generation` does not fit"),
        ("task_finished", {}, {"purpose": "label/nobody"}, "no task `label/nobody`"),
        ("task_finished", {}, {"summary": {"energy_eV": []}}, "its summary does not fit"),
        ("attempt_lost", {}, {"purpose": "label/nobody"}, "no task `label/nobody`"),
        ("generation_opened", {}, {"number": 3}, "generation 3 does not follow the one before"),
        ("heldout_drawn", {}, {"frames": ["no/such/1"]}, "no frame offered for the held-out set `no/such/1`"),
        ("rung_judged", {}, {"table": [{"fits": 1}]}, "`table.size` does not fit"),
        ("rung_judged", {}, {"judgements": [{"metric": 1}]}, "`judgements.metric` does not fit"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(told, kind, where, changes, says):
    place = first(told, kind, **where)
    with pytest.raises(JournalError, match=says) as caught:
        folded([*told[:place], changed(told[place], **changes), *told[place + 1 :]])
    assert f"event {place + 1} ({kind}) does not fit those before it" in str(caught.value)
    assert str(caught.value).endswith("restore it from a copy")


def test_a_task_of_a_study_has_the_context_of_the_study(told):
    place = first(told, "task_planned", task="evaluate")
    context = told[place].model_copy(update={"context": {"study": "mine"}})
    assert folded([*told[:place], context]).running
    with pytest.raises(JournalError, match=r"`context\.study` does not fit"):
        folded([*told[:place], context.model_copy(update={"context": {"study": []}})])


def test_a_frame_that_was_not_chosen_is_not_labelled(told):
    place = first(told, "frames_selected")
    with pytest.raises(JournalError, match="to be labelled"):
        folded([*told[:place], changed(told[place], chosen=[]), *told[place + 1 :]])


def test_a_fit_of_a_generation_that_was_not_opened_is_refused(told):
    place = first(told, "task_planned", task="fit")
    events = [*told[:place], changed(told[place], context={"generation": 9}), *told[place + 1 :]]
    with pytest.raises(JournalError, match="no generation `9`"):
        folded(events)


@pytest.mark.parametrize("name", ["chosen", "rejected"])
def test_a_frame_is_selected_once(told, name):
    place = next(i for i, event in enumerate(told) if event.kind == "frames_selected" and event.rejected)
    event = told[place]
    again = [*event.chosen, event.chosen[0]] if name == "chosen" else event.chosen
    rejected = {**event.rejected, **({event.chosen[0].id: "x"} if name == "rejected" else {})}
    twice = event.model_copy(update={"chosen": tuple(again), "rejected": rejected})
    with pytest.raises(JournalError, match="names a frame twice"):
        folded([*told[:place], twice])


def test_an_error_of_alloop_in_the_fold_is_not_blamed_on_the_journal(told, monkeypatch):
    def ours(state, event):
        raise KeyError("ours")

    monkeypatch.setitem(fold_room._FOLDS, TaskFinished, ours)
    with pytest.raises(KeyError, match="ours"):
        folded(told)


def test_an_error_of_alloop_in_a_view_asks_to_be_reported(tmp_path, monkeypatch, capsys):
    play(tmp_path / "campaign", upto=20)

    def ours(*words):
        raise TypeError("ours")

    monkeypatch.setattr("alloop.status.table.render", ours)
    monkeypatch.setattr("sys.argv", ["alloop", "status", str(tmp_path / "campaign")])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert said.count("\n") == 1
    assert "unexpected TypeError: ours; an error of alloop: please report it with" in said
    assert "in ours" in (tmp_path / "alloop-crash.txt").read_text()
