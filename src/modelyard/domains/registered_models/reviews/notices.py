"""What people are told of reviews."""

from collections.abc import Iterable

from modelyard.domains.notifications import notify
from modelyard.domains.registered_models.reviews.queries import Review
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller
from modelyard.kit.db import Transaction

KIND = "modelReview"


class Notices:
    """Tells people of one review what one person does with it; the one who does it is not told."""

    def __init__(self, tx: Transaction, caller: Caller, version: ModelVersion, review_id: str, stage: str) -> None:
        self._tx = tx
        self._caller = caller
        self._version = version
        self._review_id = review_id
        self._stage = stage
        self._about = f"{version.model.name} version {version.version}"

    async def asked(self, people: Iterable[str], kind: str, notes: str) -> None:
        """They are asked for an answer."""
        subject = f"{self._caller.user_name} asks you to review {self._about} for the stage {self._stage}"
        await self._tell(people, kind, subject, notes, "Approve it, or request changes.")

    async def not_asked_any_more(self, people: Iterable[str]) -> None:
        """They are no reviewers any more."""
        subject = f"You are not asked any more to review {self._about} for the stage {self._stage}"
        await self._tell(people, "modelReview.changed", subject, "", "You need not do anything.")

    async def changed(self, people: Iterable[str], notes: str) -> None:
        """The review has other reviewers or notes."""
        subject = f"{self._caller.user_name} changed the review of {self._about} for the stage {self._stage}"
        await self._tell(
            people, "modelReview.changed", subject, notes, "Your answer is kept, if you have given one."
        )

    async def canceled(self, people: Iterable[str], notes: str) -> None:
        """The review is over, and the version stays where it is."""
        subject = f"{self._caller.user_name} canceled the review of {self._about} for the stage {self._stage}"
        await self._tell(people, "modelReview.canceled", subject, notes, "The version stays where it is.")

    async def answered(self, people: Iterable[str], decision: str, notes: str) -> None:
        """A reviewer has answered."""
        said = "approved" if decision == "Approved" else "requested changes to"
        subject = f"{self._caller.user_name} {said} {self._about} for the stage {self._stage}"
        await self._tell(people, "modelReview.answered", subject, notes, "")

    async def approved(self, people: Iterable[str]) -> None:
        """All have approved, and the version is where it was to come."""
        subject = f"{self._about} is in the stage {self._stage}: all reviewers have approved"
        await self._tell(people, "modelReview.approved", subject, "", "The review is closed.")

    async def _tell(self, people: Iterable[str], kind: str, subject: str, notes: str, then: str) -> None:
        project = self._version.model.project
        place = f"Project {project.owner_name}/{project.name}, review {self._review_id}."
        await notify(
            self._tx,
            {person for person in people if person != self._caller.id},
            kind=kind,
            subject=subject,
            message="\n\n".join(part for part in (f"{subject}.", notes, then, place) if part),
            target_kind=KIND,
            target_id=self._review_id,
            project_id=project.id,
        )


def concerned(version: ModelVersion, review: Review) -> set[str]:
    """Who waits for the end of a review: the model's owner, and who opened it."""
    return {version.model.owner_id, review.creator_id}
