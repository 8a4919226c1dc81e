"""What the replicas of a version need, made when the first of them is started: files, environment, variables."""

import asyncio
from pathlib import Path

import msgspec

from modelyard.domains import environments, hardware_tiers
from modelyard.domains.hardware_tiers import Tier
from modelyard.domains.model_apis.queries import Volume
from modelyard.domains.model_apis.serving import queries, volumes
from modelyard.domains.model_apis.serving.building import copy_model
from modelyard.domains.model_apis.serving.log import VersionLog
from modelyard.domains.model_apis.serving.places import ReplicaPlace, VersionPlace
from modelyard.domains.model_apis.serving.tools import CannotServe, ServingTools
from modelyard.domains.model_apis.versions.queries import Version
from modelyard.domains.projects import find_project
from modelyard.engines.builds import BuildFailed
from modelyard.engines.serving import FunctionSource, MlflowSource, ReplicaProgram
from modelyard.kit.errors import Failure
from modelyard.kit.work import patiently


class _Recipe(msgspec.Struct, frozen=True):
    """What all replicas of a version have in common while it runs."""

    tier: Tier
    environment: Path
    variables: dict[str, str]
    volumes: list[Volume]


class Preparing:
    """Prepares the replicas of one version; what they stand on is chosen once, at its start."""

    def __init__(self, tools: ServingTools, version: Version, log: VersionLog) -> None:
        self._tools = tools
        self._version = version
        self._log = log
        self._recipe: _Recipe | None = None
        self._one_at_a_time = asyncio.Lock()
        self.place = VersionPlace(tools.models, version.id)
        source = version.source
        self._source: FunctionSource | MlflowSource = MlflowSource(self.place.model)
        if source.type == "File":
            self._source = FunctionSource(self.place.work, source.file or "", source.function or "")

    async def program(self, replica_id: str, *, anew: bool) -> ReplicaProgram:
        """A new replica; `anew` when none lives that works with the version's files. Raises CannotServe."""
        try:
            async with self._one_at_a_time:
                first = self._recipe is None
                if self._recipe is None:
                    self._recipe = await patiently(lambda: self._made(anew=anew))
            return await patiently(lambda: self._program(replica_id, self._recipe, say=first))
        except (BuildFailed, Failure) as reason:
            raise CannotServe(f"The model cannot be prepared: {reason}") from reason
        except OSError as error:
            raise CannotServe(f"The model cannot be prepared: {error.strerror or error}.") from error

    async def bare(self, replica_id: str) -> ReplicaProgram:
        """As much of a replica as is needed to find it again."""
        tier = await self._tier(await queries.deployment_of(self._tools.db, self._version.model_api_id))
        return self._bare(replica_id, tier, self.place.folder)

    async def _made(self, *, anew: bool) -> _Recipe:
        db, version = self._tools.db, self._version
        deployment = await queries.deployment_of(db, version.model_api_id)
        project = await find_project(db, version.project_id)
        assert project is not None  # noqa: S101 - projects are archived, never deleted
        tier = await self._tier(deployment)
        if tier.gpus:
            raise CannotServe(
                f"The hardware tier {tier.name} has GPUs, which served models do not get; choose a tier without."
            )
        environment, of_environment = await self._environment()
        await self._files(anew=anew)
        own = await self._own_variables()
        self._log.deployment(tier.summary)
        isolated = (
            "Isolated by bubblewrap" if self._tools.isolated else "Not isolated: bubblewrap is not in use here"
        )
        self._log.deployment(isolated)
        told = {
            "DOMINO_ENVIRONMENT_REVISION_ID": version.environment_revision_id,
            "DOMINO_WORKING_DIR": self._tools.serving.place_of(self._source),
        }
        return _Recipe(
            tier=tier,
            environment=environment,
            variables=of_environment | own | project.variables | tier.variables | told,
            volumes=deployment.volumes,
        )

    async def _own_variables(self) -> dict[str, str]:
        sealed = await queries.sealed_variables(self._tools.db, self._version.model_api_id)
        try:
            return {key: self._tools.vault.unseal(value) for key, value in sealed.items()}
        except ValueError as error:
            raise CannotServe(f"The model API's environment variables cannot be read: {error}") from error

    async def _tier(self, deployment: queries.Deployment) -> Tier:
        tier = await hardware_tiers.find_tier(self._tools.db, deployment.hardware_tier_id or "")
        return tier or await hardware_tiers.tier_for_model_api(self._tools.db, None)

    async def _environment(self) -> tuple[Path, dict[str, str]]:
        """The virtual environment, and the variables of its revision."""
        version, say = self._version, self._log.deployment
        if version.source.type == "File":
            revision_id = version.environment_revision_id
            built = await environments.built_revision(self._tools.db, self._tools.vault, revision_id)
            say(f"Environment {built.environment_id}, revision {built.number}")
            if built.pre_run_script or built.pre_setup_script or built.post_setup_script:
                say("The environment's scripts are for jobs; they are not run for models.")
            return await environments.place_of(self._tools.builder, built, say), built.variables
        builder, key = self._tools.builder, version.build_key or ""
        place = builder.place(key)
        if place is None:
            place = await builder.rebuild(key, version.build_lock or "", version.build_image or "", say)
        return place, {}

    async def _files(self, *, anew: bool) -> None:
        version, place = self._version, self.place
        if version.source.type == "File":
            without = version.source.exclude_files
            await asyncio.to_thread(
                lambda: place.check_out(self._tools.git, version.project_id, version.commit_id, without, anew=anew)
            )
            left_out = f", without {', '.join(without)}" if without else ""
            self._log.deployment(f"Files at commit {version.commit_id}{left_out}")
        elif not place.model.exists():
            await copy_model(self._tools, version, self._log.deployment)

    async def _program(self, replica_id: str, recipe: _Recipe | None, *, say: bool) -> ReplicaProgram:
        assert recipe is not None  # noqa: S101 - it is made before
        source, tools = self._source, self._tools
        seen = await volumes.mounted(
            tools.datasets,
            replica_id,
            recipe.volumes,
            source.folder,
            tools.serving.place_of(source),
            isolated=tools.isolated,
        )
        for line in seen.said if say else []:
            self._log.deployment(line)
        return msgspec.structs.replace(
            self._bare(replica_id, recipe.tier, recipe.environment),
            variables=recipe.variables | seen.variables,
            mounts=seen.mounts,
        )

    def _bare(self, replica_id: str, tier: Tier, environment: Path) -> ReplicaProgram:
        place = ReplicaPlace(self._tools.runs, replica_id)
        return ReplicaProgram(
            replica_id=replica_id,
            folder=place.folder,
            socket_folder=place.sockets,
            source=self._source,
            environment=environment,
            stdout=place.stdout,
            stderr=place.stderr,
            cores=tier.cores,
            memory_bytes=tier.memory_bytes,
        )
