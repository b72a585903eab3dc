"""Who taught the committee of a campaign: what reports, exports and W&B say of it."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from alloop.config.teacher import Teacher, TeacherConfig
from alloop.journal.events import CampaignCreated
from alloop.labelling.teachers import described
from alloop.state.state import CampaignState

_TEACHER: TypeAdapter[TeacherConfig | None] = TypeAdapter(Teacher)


def teacher_facts(state: CampaignState) -> dict[str, Any] | None:
    """Return the teacher's name, licence, what to cite, its code and the frames it labelled; None of a cold start.

    Licence and citation are there where alloop knows them.
    """
    words = None if state.created is None else teacher_words(state.created)
    if state.created is None or words is None:
        return None
    frames = sum(one.frames for one in state.taught)
    return {**words, "frames": frames, "code": dict(state.created.teacher_code)}


def teacher_words(created: CampaignCreated) -> dict[str, str] | None:
    """Return the teacher's name and, where alloop knows them, its licence and what to cite; None of a cold start."""
    teacher = _TEACHER.validate_python(created.config.get("teacher"))
    return None if teacher is None else described(teacher)
