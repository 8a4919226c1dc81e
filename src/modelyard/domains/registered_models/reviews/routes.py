"""Operations on reviews of model versions."""

from modelyard.domains.registered_models.access import version_with
from modelyard.domains.registered_models.reviews import service
from modelyard.domains.registered_models.reviews.access import ReviewAccess, answering_review, changing_review
from modelyard.domains.registered_models.reviews.wire import (
    NewRegisteredModelReviewResponseV1,
    NewRegisteredModelReviewV1,
    RegisteredModelReviewCreatedV1,
    RegisteredModelReviewResponseCreatedV1,
    RegisteredModelReviewStatusV1,
    UpdatedRegisteredModelReviewV1,
)
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation

TAG = "RegisteredModels"
REVIEWS = "/api/registeredmodels/v1/{modelName:str}/versions/{version:int}/reviews"
REVIEW = f"{REVIEWS}/{{modelReviewId:str}}"


@operation("POST", REVIEWS, guard=version_with(Right.EDIT), tag=TAG, status=201)
async def create_registered_model_review(
    model_version: ModelVersion, caller: Caller, tx: Transaction, data: NewRegisteredModelReviewV1
) -> RegisteredModelReviewCreatedV1:
    """Ask people whether a version may come into a stage."""
    reviewers = [one.user_id for one in data.reviewers]
    review_id = await service.open_review(
        tx, caller, model_version, data.target_stage, reviewers, data.notes or ""
    )
    return RegisteredModelReviewCreatedV1(model_review_id=review_id)


@operation("PATCH", REVIEW, guard=changing_review, tag=TAG, status=204)
async def update_registered_model_review(
    access: ReviewAccess, caller: Caller, tx: Transaction, data: UpdatedRegisteredModelReviewV1
) -> None:
    """Ask other people, change the notes, or cancel a review."""
    if data.status is not None and data.reviewers is not None:
        raise BadRequest("Give reviewers or status, not both: a review that is canceled asks nobody.")
    if data.status is not None:
        await service.cancel_review(tx, caller, access.version, access.review.id, data.notes)
        return
    if data.reviewers is None and data.notes is None:
        raise BadRequest("Give reviewers, notes, both of these, or the status CANCELED.")
    reviewers = None if data.reviewers is None else [one.user_id for one in data.reviewers]
    await service.change_review(tx, caller, access.version, access.review.id, reviewers, data.notes)


@operation("POST", f"{REVIEW}/responses", guard=answering_review, tag=TAG, status=201)
async def create_registered_model_review_response(
    access: ReviewAccess, caller: Caller, tx: Transaction, data: NewRegisteredModelReviewResponseV1
) -> RegisteredModelReviewResponseCreatedV1:
    """Approve, or request changes; an earlier answer is replaced while the review is open."""
    status = await service.answer(
        tx, caller, access.version, access.review.id, data.decision.value, data.notes or ""
    )
    return RegisteredModelReviewResponseCreatedV1(
        model_review_id=access.review.id, status=RegisteredModelReviewStatusV1(status)
    )
