"""Shapes of project copies on the wire."""

from datetime import datetime
from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.projects.code_repositories.wire import ProviderRepoVisibilityV1
from modelyard.domains.projects.copying.service import UncopiedDataset
from modelyard.domains.projects.wire import BillingTagV1, ProjectV1, ProjectVisibilityV1
from modelyard.kit.wire import MetadataV1, Wire


class DeepCopyGitRepoSpecV1(Wire):
    """A new repository at the git host, with everything that the original's has."""

    new_repo_name: str
    new_repo_owner_name: str
    visibility: ProviderRepoVisibilityV1


class ImportFilesRepoTargetV1(Wire):
    """A repository at the git host that gets the branches and tags of the original's."""

    repo_name: str
    repo_owner_name: str
    force: bool | None = None


class ReferenceCopyGitRepoSpecV1(Wire):
    """A repository that the copy is about instead of the original's."""

    main_repo_url: str


class GitCodeRepoSpecV1(Wire):
    """What becomes of the main repository of a git-based project, and the caller's credential for it."""

    credential_id: str
    deep_copy: DeepCopyGitRepoSpecV1 | None = None
    import_files_target: ImportFilesRepoTargetV1 | None = None
    reference_copy: ReferenceCopyGitRepoSpecV1 | None = None


class CopyProjectSpecV1(Wire):
    """Body of copyProject: what differs from the original."""

    copy_datasets: bool
    name: str | None = None
    owner_id: str | None = None
    visibility: ProjectVisibilityV1 | None = None
    billing_tag: BillingTagV1 | None = None
    copy_net_app_volumes: bool | None = None
    git_code_repo_spec: GitCodeRepoSpecV1 | None = None
    imported_git_repos_credential_id: str | None = None


class DatasetInfoV1(Wire):
    """A dataset by its names."""

    id: str
    name: str
    created_at: datetime
    description: str | UnsetType = UNSET
    project_id: str | UnsetType = UNSET


class DatasetNotCopiedV1(Wire):
    """A dataset that a copy lacks, and why."""

    dataset_info: DatasetInfoV1
    error_message: str

    @classmethod
    def of(cls, lacking: UncopiedDataset) -> Self:
        """A dataset that could not be copied."""
        info = DatasetInfoV1(
            id=lacking.id,
            name=lacking.name,
            created_at=lacking.created_at,
            description=lacking.description,
            project_id=lacking.project_id,
        )
        return cls(dataset_info=info, error_message=lacking.reason)


class NetAppVolumeInfoV1(Wire):
    """A volume by its names."""

    id: str
    name: str
    created_at: datetime | UnsetType = UNSET
    description: str | UnsetType = UNSET


class NetAppVolumeNotCopiedV1(Wire):
    """A volume that a copy lacks, and why."""

    volume_info: NetAppVolumeInfoV1
    error_message: str


class ProjectCopyResultEnvelopeV1(Wire):
    """A copy, and what it lacks; the notices say the rest in words."""

    project: ProjectV1
    metadata: MetadataV1
    datasets_not_copied: list[DatasetNotCopiedV1] | UnsetType = UNSET
    net_app_volumes_not_copied: list[NetAppVolumeNotCopiedV1] | UnsetType = UNSET


class Fork(Wire):
    """Body of the private route that copies a project for its caller."""

    name: str
