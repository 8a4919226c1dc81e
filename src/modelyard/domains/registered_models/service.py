"""Rules of registered models: how they are made, described, renamed, tagged and deleted."""

from collections.abc import Mapping

from modelyard.domains.experiments import AlreadyExists, origin_tags
from modelyard.domains.projects import Project
from modelyard.domains.registered_models import queries
from modelyard.domains.registered_models.access import no_model
from modelyard.domains.registered_models.names import checked_description, checked_name
from modelyard.domains.registered_models.queries import NewModel, RegisteredModel
from modelyard.domains.registered_models.reproductions.data import release_data_of_jobs
from modelyard.domains.registered_models.reproductions.queries import jobs_of_model
from modelyard.domains.registered_models.tags import MOST, checked_tags
from modelyard.domains.users import Caller
from modelyard.kit import events
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.ids import new_id

KIND = "registeredModel"


class NameTaken(AlreadyExists):
    """There is a model of this name already, maybe one that the caller does not see."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Registered Model (name={name}) already exists. Names are unique on the deployment.")


async def again(db: Executor, caller: Caller, name: str) -> RegisteredModel:
    """A model as it is now; raises NotFound."""
    model = await queries.find_visible(db, caller, name)
    if model is None:
        raise no_model(name)
    return model


async def create(
    tx: Transaction,
    caller: Caller,
    project: Project,
    name: str,
    *,
    description: str = "",
    discoverable: bool = False,
    tags: Mapping[str, str] | None = None,
) -> RegisteredModel:
    """A new model without versions in a project; raises BadRequest, of these NameTaken."""
    new = NewModel(
        id=new_id(),
        name=checked_name(name),
        project_id=project.id,
        owner_id=caller.id,
        description=checked_description(description),
        discoverable=discoverable,
        tags=checked_tags(tags or {}) | origin_tags(project, caller.id, caller.user_name),
    )
    if not await queries.add_model(tx, new):
        raise NameTaken(name)
    await events.record(
        tx, caller, "registeredModel.created", KIND, new.id,
        project_id=project.id, name=name, discoverable=discoverable,
    )  # fmt: skip
    return await again(tx, caller, name)


async def describe(
    tx: Transaction, caller: Caller, model: RegisteredModel, description: str | None, discoverable: bool | None
) -> None:
    """Replaces the words about a model and who finds it; what is None stays as it is."""
    words = model.description if description is None else checked_description(description)
    found = model.discoverable if discoverable is None else discoverable
    await queries.describe_model(tx, model.id, words, found)
    await events.record(
        tx, caller, "registeredModel.changed", KIND, model.id,
        project_id=model.project.id, description=words, discoverable=found,
        before={"description": model.description, "discoverable": model.discoverable},
    )  # fmt: skip


async def rename(tx: Transaction, caller: Caller, model: RegisteredModel, name: str) -> None:
    """Gives a model another name; raises BadRequest, of these NameTaken."""
    if not await queries.rename_model(tx, model.id, checked_name(name)):
        raise NameTaken(name)
    await events.record(
        tx, caller, "registeredModel.renamed", KIND, model.id,
        project_id=model.project.id, name=name, before={"name": model.name},
    )  # fmt: skip


async def delete(tx: Transaction, caller: Caller, model: RegisteredModel) -> None:
    """Removes a model with its versions; their files stay with the runs. Raises NotFound when it is gone."""
    jobs = await jobs_of_model(tx, model.id)
    if not await queries.delete_model(tx, model.id):
        raise no_model(model.name)
    await release_data_of_jobs(tx, jobs)
    await events.record(
        tx, caller, "registeredModel.deleted", KIND, model.id, project_id=model.project.id, name=model.name
    )


async def tag(tx: Transaction, caller: Caller, model: RegisteredModel, key: str, value: str) -> None:
    """Sets a tag of a model; raises BadRequest."""
    checked_tags({key: value})
    if len(model.tags) >= MOST and key not in model.tags:
        raise BadRequest(f"The model has {MOST:,} tags already; delete one first.")
    await queries.put_tag(tx, model.id, key, value)
    await events.record(
        tx, caller, "registeredModel.tagged", KIND, model.id,
        project_id=model.project.id, key=key, value=value[:1000], before={"value": model.tags.get(key, "")[:1000]},
    )  # fmt: skip


async def untag(tx: Transaction, caller: Caller, model: RegisteredModel, key: str) -> None:
    """Removes a tag of a model, if it has it; raises BadRequest."""
    checked_tags({key: ""})
    await queries.remove_tag(tx, model.id, key)
    await events.record(
        tx, caller, "registeredModel.untagged", KIND, model.id, project_id=model.project.id, key=key
    )
