"""Who taught the committee of a campaign: what reports, exports and W&B say of it."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from alloop.config.teacher import Teacher, TeacherConfig
from alloop.labelling.teachers import described
from alloop.state.state import CampaignState

_TEACHER: TypeAdapter[TeacherConfig | None] = TypeAdapter(Teacher)


def teacher_facts(state: CampaignState) -> dict[str, Any] | None:
    """Return the teacher's name, licence, what to cite, its code and the frames it labelled; None of a cold start.

    Licence and citation are there where alloop knows them.
    """
    teacher = _TEACHER.validate_python(state.config.get("teacher"))
    if teacher is None:
        return None
    code = state.created.teacher_code if state.created is not None else {}
    return {**described(teacher), "frames": sum(one.frames for one in state.taught), "code": dict(code)}
