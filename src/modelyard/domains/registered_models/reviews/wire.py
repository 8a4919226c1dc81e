"""Shapes of reviews on the wire."""

from typing import Literal, Self

from msgspec import UNSET, UnsetType

from modelyard.domains.registered_models.reviews.queries import Review, Reviewer
from modelyard.domains.registered_models.wire import Description
from modelyard.kit.wire import AnyCase, Wire


class RegisteredModelReviewStatusV1(AnyCase):
    """How far a review is."""

    OPEN = "Open"
    APPROVED = "Approved"
    CANCELED = "Canceled"


class RegisteredModelReviewDecisionV1(AnyCase):
    """What a reviewer answers."""

    APPROVED = "Approved"
    REQUEST_CHANGES = "RequestChanges"


class RegisteredModelReviewerV1(Wire):
    """Somebody who is asked, by the account's id."""

    user_id: str


class NewRegisteredModelReviewV1(Wire):
    """Body of createRegisteredModelReview."""

    target_stage: str
    reviewers: list[RegisteredModelReviewerV1]
    notes: Description | None = None


class RegisteredModelReviewCreatedV1(Wire):
    """The id of a new review."""

    model_review_id: str


class UpdatedRegisteredModelReviewV1(Wire):
    """Body of updateRegisteredModelReview; `reviewers` is the complete new list, not together with `status`."""

    status: Literal["CANCELED"] | None = None
    reviewers: list[RegisteredModelReviewerV1] | None = None
    notes: Description | None = None


class NewRegisteredModelReviewResponseV1(Wire):
    """Body of createRegisteredModelReviewResponse."""

    decision: RegisteredModelReviewDecisionV1
    notes: Description | None = None


class RegisteredModelReviewResponseCreatedV1(Wire):
    """How far a review is after an answer."""

    model_review_id: str
    status: RegisteredModelReviewStatusV1


class RegisteredModelReviewerSummaryV1(Wire):
    """Somebody who is asked."""

    id: str
    username: str
    first_name: str
    last_name: str


class RegisteredModelReviewerResponseV1(Wire):
    """Somebody who is asked, with the newest answer; without a decision until the first one."""

    reviewer: RegisteredModelReviewerSummaryV1
    decision: RegisteredModelReviewDecisionV1 | UnsetType = UNSET
    notes: str | UnsetType = UNSET

    @classmethod
    def of(cls, one: Reviewer) -> Self:
        """A stored reviewer."""
        person = RegisteredModelReviewerSummaryV1(
            id=one.user_id, username=one.user_name, first_name=one.first_name, last_name=one.last_name
        )
        if one.decision is None:
            return cls(reviewer=person)
        return cls(reviewer=person, decision=RegisteredModelReviewDecisionV1(one.decision), notes=one.notes)


class RegisteredModelReviewSummaryV1(Wire):
    """A review of a version, with the answers so far."""

    model_review_id: str
    notes: str
    reviewer_responses: list[RegisteredModelReviewerResponseV1]
    status: RegisteredModelReviewStatusV1
    target_stage: str

    @classmethod
    def of(cls, review: Review) -> Self:
        """A stored review."""
        return cls(
            model_review_id=review.id,
            notes=review.notes,
            reviewer_responses=[RegisteredModelReviewerResponseV1.of(one) for one in review.reviewers],
            status=RegisteredModelReviewStatusV1(review.status),
            target_stage=review.target_stage,
        )
