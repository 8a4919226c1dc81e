"""`modelyard models`, `modelyard notifications` and the mail of a real server."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from modelyard.domains.registered_models.queries import NewModel, add_model
from modelyard.domains.registered_models.versions.queries import NewVersion, add_version, next_version
from modelyard.engines.postgres import EmbeddedPostgres
from modelyard.kit.db import connect
from modelyard.kit.ids import new_id
from tests.domains.notifications.post_office import PostOffice
from tests.journeys.commands import Somebody, modelyard
from tests.journeys.running import RunningServer, running, wait_for

MODEL = "team/churn"


@pytest.fixture(scope="module")
def office(certificate: tuple[Path, Path]) -> Iterator[PostOffice]:
    """A mail server, in a thread of its own."""
    taking = PostOffice(certificate)
    controller = Controller(taking, hostname="127.0.0.1", port=taking.free_port())
    controller.start()
    yield taking
    controller.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, office: PostOffice) -> Iterator[RunningServer]:
    """One server for all of these tests, which sends mail."""
    home = tmp_path_factory.mktemp("reviews") / "home"
    home.mkdir()
    (home / "modelyard.toml").write_text(
        f'smtp_host = "127.0.0.1"\nsmtp_port = {office.port}\nsmtp_security = "none"\n'
        'smtp_from = "modelyard@example.test"\n'
    )
    with running(home) as started:
        yield started


@pytest.fixture(scope="module")
def ada(server: RunningServer) -> Somebody:
    """Who has a model."""
    return Somebody(server, "ada")


@pytest.fixture(scope="module")
def bob(server: RunningServer, ada: Somebody) -> Somebody:
    """Who reads Ada's quick-start."""
    made = Somebody(server, "bob")
    ada.does("project", "add", "quick-start", "bob", "--role", "resultsConsumer")
    return made


@pytest.fixture
def version(server: RunningServer, ada: Somebody) -> str:
    """A new version of Ada's model; it is put where runs would put it, which no test here is about."""
    project = ada.does("project", "show", "quick-start", "--json").json
    assert isinstance(project, dict)
    return asyncio.run(_put_version(server.home, project["id"], project["ownerId"]))


async def _put_version(home: Path, project_id: str, owner_id: str) -> str:
    db = await connect(EmbeddedPostgres(home).dsn)
    async with db.transaction() as tx:
        new = NewModel(
            id=new_id(), name=MODEL, project_id=project_id, owner_id=owner_id, description="", discoverable=False,
            tags={},
        )  # fmt: skip
        await add_model(tx, new)
        model_id = await tx.value("SELECT id FROM registered_models WHERE name = $1", MODEL)
        number = await next_version(tx, model_id)
        assert number is not None
        await add_version(tx, NewVersion(
            model_id=model_id, version=number, description="", owner_id=owner_id, run_id=None, source="runs:/0/0",
            storage_location="mlflow-artifacts:/0/0", logged_model_id=None, run_link="", tags={}, metrics=[],
            params=[],
        ))  # fmt: skip
    await db.close()
    return f"{MODEL}/{number}"


def test_a_version_is_moved_by_its_owner(ada: Somebody, bob: Somebody, version: str) -> None:
    assert ada.does("models", "stages", version).rows == [
        ["None", version], ["Staging"], ["Production"], ["Archived"],
    ]  # fmt: skip
    assert ada.does("models", "move", version, "staging").err == f"{version} is in the stage Staging.\n"
    assert bob.does("models", "stages", version, "--json").json == {
        "currentStage": "Staging", "stages": ["None", "Staging", "Production", "Archived"],
    }  # fmt: skip
    assert "Edit" in bob.is_refused("models", "move", version, "Production")
    assert "there are: None, Staging" in ada.is_refused("models", "move", version, "Live")
    for wrong in ("churn", "churn/", "/1", "churn/x"):
        assert "MODEL/VERSION" in ada.is_refused("models", "move", wrong, "Production")
    assert "no registered model" in ada.is_refused("models", "stages", "none/1")


def test_a_review_is_opened_read_of_answered_and_mailed(
    ada: Somebody, bob: Somebody, version: str, office: PostOffice
) -> None:
    bob.does("notifications", "read", "--all")
    assert "no review" in ada.is_refused("models", "review", "show", version)
    words = ("models", "review", "open", version, "Production", "--reviewer", "bob", "--notes", "Look, 模型!")
    assert ada.does(*words).err.startswith(f"Asked bob to review {version}: ")
    ((*_, notification),) = bob.does("notifications", "list", "--unread").rows
    shown = bob.does("notifications", "read", notification).out
    assert f"ada asks you to review {MODEL} version" in shown
    assert "    Look, 模型!" in shown
    assert bob.does("notifications", "list", "--unread").rows == []
    assert "no notification" in ada.is_refused("notifications", "read", notification)

    words = ("models", "review", "answer", version, "request-changes", "--notes", "Why?")
    assert bob.does(*words).err == "The review is Open.\n"
    lines = bob.does("models", "review", "show", version).out.splitlines()
    assert ["status", "Open"] in [line.split() for line in lines]
    assert lines[-1].split() == ["bob", "RequestChanges", "Why?"]
    assert "Only the reviewers" in ada.is_refused("models", "review", "answer", version, "approve")
    done = bob.does("models", "review", "answer", version, "approve")
    assert done.err == f"The review is Approved; {version} is in Production.\n"
    assert ada.does("models", "stages", version).rows[2] == ["Production", version]

    assert len(ada.does("notifications", "list").rows) == 3
    assert ada.does("notifications", "read", "--all").err == "3 notifications read.\n"
    assert "--all" in ada.is_refused("notifications", "read")
    wait_for(lambda: len(_mailed(office, "ada")) == 3, 30)
    assert _mailed(office, "ada") == [
        f"bob requested changes to {MODEL} version {version.rpartition('/')[2]} for the stage Production",
        f"bob approved {MODEL} version {version.rpartition('/')[2]} for the stage Production",
        f"{MODEL} version {version.rpartition('/')[2]} is in the stage Production: all reviewers have approved",
    ]
    assert any(MODEL in subject for subject in _mailed(office, "bob"))


def test_a_review_is_canceled(ada: Somebody, bob: Somebody, version: str) -> None:
    ada.does("models", "review", "open", version, "Production", "--reviewer", "bob", "--json")
    assert "open" in ada.is_refused("models", "move", version, "Staging")
    assert ada.does("models", "review", "cancel", version, "--notes", "Too early.").err.startswith("Canceled")
    shown = bob.does("models", "review", "show", version, "--json").json
    assert isinstance(shown, dict)
    assert (shown["status"], shown["notes"]) == ("Canceled", "Too early.")
    assert "closed" in bob.is_refused("models", "review", "answer", version, "approve")


def test_the_password_of_the_mail_server_is_not_shown(server: RunningServer) -> None:
    file = server.home / "modelyard.toml"
    before = file.read_text()
    file.write_text(before + 'smtp_user = "me"\nsmtp_password = "open sesame"\n')
    try:
        done = modelyard(server, ["doctor"])
    finally:
        file.write_text(before)
    assert "Settings are valid" in done.out
    assert "sesame" not in done.out + done.err


def _mailed(office: PostOffice, name: str) -> list[str]:
    """The subjects of what somebody got, in the order of writing."""
    mails = [mail for mail in list(office.taken) if mail["To"].addresses[0].username == name]
    return [str(mail["Subject"]) for mail in sorted(mails, key=lambda mail: str(mail["Message-ID"]))]
