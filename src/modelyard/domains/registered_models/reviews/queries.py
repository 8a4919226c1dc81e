"""SQL of reviews and of the answers of their reviewers."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor, Transaction

OPEN, APPROVED, CANCELED = "Open", "Approved", "Canceled"


class Reviewer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is asked, and the newest answer; without a decision until the first one."""

    user_id: str
    user_name: str
    first_name: str
    last_name: str
    decision: str | None
    notes: str
    answered_at: datetime | None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A review of one version, with its reviewers in the order in which they were named."""

    id: str
    status: str
    target_stage: str
    notes: str
    creator_id: str
    created_at: datetime
    closed_at: datetime | None
    reviewers: list[Reviewer]

    @property
    def is_approved_by_all(self) -> bool:
        """Whether every reviewer has approved."""
        return all(one.decision == APPROVED for one in self.reviewers)


class OpenReview(msgspec.Struct, frozen=True):
    """What must be known of a review to say that it is in the way."""

    id: str
    target_stage: str


class NewReview(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a review when it is opened, beside its reviewers."""

    id: str
    model_id: str
    version: int
    target_stage: str
    notes: str
    creator_id: str


_REVIEW = """jsonb_build_object('id', r.id, 'status', r.status, 'target_stage', r.target_stage, 'notes', r.notes,
    'creator_id', r.creator_id, 'created_at', r.created_at, 'closed_at', r.closed_at, 'reviewers',
    ARRAY(SELECT jsonb_build_object('user_id', w.user_id, 'user_name', u.user_name, 'first_name', u.first_name,
        'last_name', u.last_name, 'decision', w.decision, 'notes', w.notes, 'answered_at', w.answered_at)
        FROM model_reviewers w JOIN users u ON u.id = w.user_id WHERE w.review_id = r.id ORDER BY w.place))"""


def latest_review(model_id: str, version: str) -> str:
    """The newest review of a version (SQL expressions say which), as a jsonb `Review`; NULL when there is none."""
    return (
        f"(SELECT {_REVIEW} FROM model_reviews r WHERE r.model_id = {model_id} AND r.version = {version}"
        " ORDER BY r.id DESC LIMIT 1)"
    )


async def find_review(db: Executor, model_id: str, version: int, review_id: str) -> Review | None:
    """The review with this id, if it is one of this version."""
    found = await db.value(
        f"SELECT {_REVIEW} FROM model_reviews r WHERE r.model_id = $1 AND r.version = $2 AND r.id = $3",
        model_id, version, review_id,
    )  # fmt: skip
    return None if found is None else msgspec.convert(found, Review)


async def lock_review(tx: Transaction, review_id: str) -> None:
    """Has nobody else answer, change or cancel a review until the transaction ends."""
    await tx.execute("SELECT FROM model_reviews WHERE id = $1 FOR UPDATE", review_id)


async def find_open(db: Executor, model_id: str, version: int) -> OpenReview | None:
    """The review of a version that is open."""
    return await db.row(
        OpenReview,
        f"SELECT id, target_stage FROM model_reviews WHERE model_id = $1 AND version = $2 AND status = '{OPEN}'",
        model_id, version,
    )  # fmt: skip


async def add_review(tx: Transaction, new: NewReview) -> None:
    """Adds an open review without reviewers."""
    values = msgspec.structs.asdict(new)
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    await tx.execute(
        f"INSERT INTO model_reviews ({', '.join(values)}, status) VALUES ({marks}, '{OPEN}')", *values.values()
    )


async def set_reviewers(tx: Transaction, review_id: str, user_ids: list[str]) -> None:
    """Chooses who is asked, in this order; the answers of those who were asked before are kept."""
    await tx.execute(
        "DELETE FROM model_reviewers WHERE review_id = $1 AND user_id <> ALL($2)", review_id, user_ids
    )
    await tx.execute(
        "INSERT INTO model_reviewers (review_id, user_id, place)"
        " SELECT $1, w.user_id, w.place FROM unnest($2::text[]) WITH ORDINALITY AS w (user_id, place)"
        " ON CONFLICT (review_id, user_id) DO UPDATE SET place = excluded.place",
        review_id, user_ids,
    )  # fmt: skip


async def set_notes(tx: Transaction, review_id: str, notes: str) -> None:
    """Replaces the words about a review."""
    await tx.execute("UPDATE model_reviews SET notes = $2 WHERE id = $1", review_id, notes)


async def set_answer(tx: Transaction, review_id: str, user_id: str, decision: str, notes: str) -> None:
    """Notes a reviewer's answer instead of an earlier one."""
    await tx.execute(
        "UPDATE model_reviewers SET decision = $3, notes = $4, answered_at = now()"
        " WHERE review_id = $1 AND user_id = $2",
        review_id, user_id, decision, notes,
    )  # fmt: skip


async def close_review(tx: Transaction, review_id: str, status: str) -> None:
    """Ends a review."""
    await tx.execute("UPDATE model_reviews SET status = $2, closed_at = now() WHERE id = $1", review_id, status)
