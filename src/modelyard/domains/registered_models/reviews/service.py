"""Rules of reviews: who is asked, what answers lead to, and how a review ends.

Whatever is done with a review has its model locked, then the review; so of two answers at the same moment one sees
the other, and a version moves once.
"""

from collections.abc import Sequence

from modelyard.domains.projects import people_with
from modelyard.domains.registered_models.reviews import queries
from modelyard.domains.registered_models.reviews.access import demand_reviewer, review_by_id
from modelyard.domains.registered_models.reviews.notices import KIND, Notices, concerned
from modelyard.domains.registered_models.reviews.queries import APPROVED, CANCELED, OPEN, NewReview, Review
from modelyard.domains.registered_models.stages import service as stages
from modelyard.domains.registered_models.versions.queries import FIRST_STAGE, ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.kit import events
from modelyard.kit.db import Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.ids import new_id

MOST_REVIEWERS = 50


async def open_review(
    tx: Transaction, caller: Caller, version: ModelVersion, target: str, reviewer_ids: Sequence[str], notes: str
) -> str:
    """Asks people whether a version may come into a stage; the review's id.

    Raises BadRequest for a stage that it cannot come into, for reviewers who cannot be asked, and while another
    review of the version is open; NotFound when the version is gone.
    """
    current = await stages.locked_stage(tx, version)
    stage = stages.stage_named(await stages.stages_of(tx, version.model.project.id), target)
    if stage == current:
        raise BadRequest(stages.already_there(version, stage))
    if stage == FIRST_STAGE:
        raise BadRequest(f"The stage {FIRST_STAGE} is where versions begin; no review leads there.")
    await stages.refuse_under_review(tx, version)
    _check_list(reviewer_ids, caller.id)
    await _check_people(tx, version, reviewer_ids)
    new = NewReview(
        id=new_id(),
        model_id=version.model.id,
        version=version.version,
        target_stage=stage,
        notes=notes,
        creator_id=caller.id,
    )
    await queries.add_review(tx, new)
    await queries.set_reviewers(tx, new.id, list(reviewer_ids))
    await _record(
        tx, caller, "modelReview.opened", version, new.id,
        targetStage=stage, reviewers=list(reviewer_ids), notes=notes,
    )  # fmt: skip
    await Notices(tx, caller, version, new.id, stage).asked(reviewer_ids, "modelReview.opened", notes)
    return new.id


async def change_review(
    tx: Transaction,
    caller: Caller,
    version: ModelVersion,
    review_id: str,
    reviewer_ids: Sequence[str] | None,
    notes: str | None,
) -> None:
    """Asks other people, changes the notes, or both; what is None stays as it is.

    The answers of reviewers who stay are kept; when all of them have approved, the review is over and the version
    moves. Raises BadRequest for a review that is closed and for people who cannot be asked.
    """
    current, review = await _locked(tx, version, review_id)
    before = [one.user_id for one in review.reviewers]
    after = before if reviewer_ids is None else list(reviewer_ids)
    if reviewer_ids is not None:
        _check_list(after, review.creator_id)
        await _check_people(tx, version, [one for one in after if one not in before])
        await queries.set_reviewers(tx, review.id, after)
    words = review.notes if notes is None else notes
    await queries.set_notes(tx, review.id, words)
    await _record(
        tx, caller, "modelReview.changed", version, review.id,
        reviewers=after, notes=words, before={"reviewers": before, "notes": review.notes},
    )  # fmt: skip
    telling = Notices(tx, caller, version, review.id, review.target_stage)
    await telling.asked(set(after) - set(before), "modelReview.changed", words)
    await telling.not_asked_any_more(set(before) - set(after))
    if (after, words) != (before, review.notes):
        await telling.changed(set(before) & set(after), words)
    await _end_if_approved(tx, caller, version, review.id, current)


async def cancel_review(
    tx: Transaction, caller: Caller, version: ModelVersion, review_id: str, notes: str | None
) -> None:
    """Ends a review without a decision; raises BadRequest when it is closed."""
    _, review = await _locked(tx, version, review_id)
    words = review.notes if notes is None else notes
    await queries.set_notes(tx, review.id, words)
    await queries.close_review(tx, review.id, CANCELED)
    await _record(
        tx, caller, "modelReview.canceled", version, review.id,
        status=CANCELED, notes=words, before={"status": review.status, "notes": review.notes},
    )  # fmt: skip
    reviewers = {one.user_id for one in review.reviewers}
    telling = Notices(tx, caller, version, review.id, review.target_stage)
    await telling.canceled(reviewers | concerned(version, review), words)


async def answer(
    tx: Transaction, caller: Caller, version: ModelVersion, review_id: str, decision: str, notes: str
) -> str:
    """Notes a reviewer's answer, instead of an earlier one; the status of the review then.

    When all have approved, the review is over and the version moves. Raises Forbidden for those who are not
    asked, BadRequest when the review is closed.
    """
    current, review = await _locked(tx, version, review_id)
    demand_reviewer(caller, review)
    earlier = next(one.decision for one in review.reviewers if one.user_id == caller.id)
    await queries.set_answer(tx, review.id, caller.id, decision, notes)
    await _record(
        tx, caller, "modelReview.answered", version, review.id,
        decision=decision, notes=notes, before={"decision": earlier},
    )  # fmt: skip
    telling = Notices(tx, caller, version, review.id, review.target_stage)
    await telling.answered(concerned(version, review), decision, notes)
    return await _end_if_approved(tx, caller, version, review.id, current)


async def _locked(tx: Transaction, version: ModelVersion, review_id: str) -> tuple[str, Review]:
    """The stage of a version and an open review of it, as they are now; raises NotFound, BadRequest."""
    current = await stages.locked_stage(tx, version)
    await queries.lock_review(tx, review_id)
    review = await review_by_id(tx, version, review_id)
    if review.status != OPEN:
        raise BadRequest(f"The review {review.id} is closed: it is {review.status}.")
    return current, review


async def _end_if_approved(
    tx: Transaction, caller: Caller, version: ModelVersion, review_id: str, current: str
) -> str:
    """Closes a review that all have approved and moves its version; the review's status."""
    review = await review_by_id(tx, version, review_id)
    if not review.is_approved_by_all:
        return review.status
    await queries.close_review(tx, review.id, APPROVED)
    await _record(
        tx, caller, "modelReview.approved", version, review.id, status=APPROVED, before={"status": review.status}
    )
    await stages.put_into_stage(tx, caller, version, current, review.target_stage, reviewId=review.id)
    telling = Notices(tx, caller, version, review.id, review.target_stage)
    await telling.approved(concerned(version, review))
    return APPROVED


def _check_list(reviewer_ids: Sequence[str], creator_id: str) -> None:
    if not 1 <= len(reviewer_ids) <= MOST_REVIEWERS:
        raise BadRequest(f"reviewers: give 1 to {MOST_REVIEWERS} people, these are {len(reviewer_ids)}.")
    if len(set(reviewer_ids)) < len(reviewer_ids):
        raise BadRequest("reviewers: somebody is named more than once.")
    if creator_id in reviewer_ids:
        raise BadRequest("reviewers: who opens a review cannot be one of its reviewers.")


async def _check_people(tx: Transaction, version: ModelVersion, user_ids: Sequence[str]) -> None:
    """Raises BadRequest unless all these are people who may look at the version."""
    project = version.model.project
    able = await people_with(tx, project.id, Right.VIEW_JOBS, list(user_ids))
    if unable := [one[:100] for one in user_ids if one not in able]:
        raise BadRequest(
            f"reviewers: {', '.join(unable)} cannot be asked: only people who may see the jobs and models of the"
            f" project {project.owner_name}/{project.name} can."
        )


async def _record(
    tx: Transaction, caller: Caller, action: str, version: ModelVersion, review_id: str, **details: object
) -> None:
    model = version.model
    await events.record(
        tx, caller, action, KIND, review_id,
        project_id=model.project.id, model=model.name, version=version.version, **details,
    )  # fmt: skip
