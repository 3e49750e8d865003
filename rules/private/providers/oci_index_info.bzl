"""What rules know of an image for several platforms."""

OciIndexInfo = provider(
    doc = "An image for several platforms: an OCI image index and the images it names.",
    fields = {
        "index": "File: the OCI image index, whose sha256 is the digest of the whole.",
        "digest": "File: `sha256:` and 64 hexadecimal digits, without a line feed.",
        "descriptor": "File: JSON, the OCI descriptor of the index.",
        "metadata": "File: JSON (`verbatim.index/1`) with the descriptor and the metadata of every image.",
        "images": "list of OciImageInfo, in the order of the rule's attribute.",
    },
)
