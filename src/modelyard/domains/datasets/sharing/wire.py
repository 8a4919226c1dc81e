"""Shapes of shared datasets on the wire."""

from modelyard.kit.wire import MetadataV1, Wire


class DatasetToAddV1(Wire):
    """Body of linkProjectToDataset."""

    dataset_id: str


class SharedDatasetRwEntryV1(Wire):
    """A project, and the datasets of other projects that it uses."""

    project_id: str
    shared_dataset_ids: list[str]


class SharedDatasetsEnvelopeV1(Wire):
    """The datasets of other projects that one project uses."""

    dataset: SharedDatasetRwEntryV1
    metadata: MetadataV1
