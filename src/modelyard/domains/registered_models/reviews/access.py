"""Guards of reviews: who changes or cancels one, and who answers."""

import msgspec

from modelyard.domains.registered_models.access import version_by_number
from modelyard.domains.registered_models.reviews import queries
from modelyard.domains.registered_models.reviews.queries import Review
from modelyard.domains.registered_models.stages.service import is_in_charge
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller
from modelyard.kit.access import Guard
from modelyard.kit.db import Database, Executor
from modelyard.kit.edge import decoded
from modelyard.kit.errors import Forbidden, NotFound


class ReviewAccess(msgspec.Struct, frozen=True):
    """A review, and the version it is about, as the caller sees them."""

    version: ModelVersion
    review: Review


async def review_by_id(db: Executor, version: ModelVersion, review_id: str) -> Review:
    """A review of a version; raises NotFound."""
    review = await queries.find_review(db, version.model.id, version.version, review_id)
    if review is None:
        raise NotFound(
            f"There is no review with the id {review_id[:100]} of version {version.version} of the model"
            f" '{version.model.name}'."
        )
    return review


def demand_reviewer(caller: Caller, review: Review) -> None:
    """Raises Forbidden unless the caller is asked for an answer."""
    if all(one.user_id != caller.id for one in review.reviewers):
        raise Forbidden("Only the reviewers of a review answer it; who opened it can change who they are.")


async def _load(caller: Caller, db: Database, modelName: str, version: int, modelReviewId: str) -> ReviewAccess:
    found = await version_by_number(db, caller, decoded(modelName), version)
    return ReviewAccess(found, await review_by_id(db, found, modelReviewId))


async def _changing(
    caller: Caller, db: Database, modelName: str, version: int, modelReviewId: str
) -> ReviewAccess:
    access = await _load(caller, db, modelName, version, modelReviewId)
    if caller.id != access.review.creator_id and not is_in_charge(caller, access.version.model):
        raise Forbidden(
            "Only who opened a review, the owner of the model, owners of its project and administrators change it."
        )
    return access


async def _answering(
    caller: Caller, db: Database, modelName: str, version: int, modelReviewId: str
) -> ReviewAccess:
    access = await _load(caller, db, modelName, version, modelReviewId)
    demand_reviewer(caller, access.review)
    return access


changing_review = Guard("access", _changing, scope="who opened the review, or is in charge of the model")
answering_review = Guard("access", _answering, scope="the review's reviewers")
