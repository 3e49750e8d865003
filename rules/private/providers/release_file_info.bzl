"""What rules know of files that are published."""

ReleaseFileInfo = provider(
    doc = "A file under the name it is published with.",
    fields = {
        "file": "File: the bytes.",
        "name": "string: the published name, relative to where the sums are published.",
    },
)

ReleaseFilesInfo = provider(
    doc = "Several files of a release, of a matrix of platforms for instance.",
    fields = {
        "files": "list of ReleaseFileInfo.",
    },
)
