"""What rules know of an image for one platform."""

OciImageInfo = provider(
    doc = "An image for one platform: small JSON files, and where the blobs are for whoever needs them.",
    fields = {
        "manifest": "File: the OCI image manifest, whose sha256 is the image's digest.",
        "config": "File: the OCI image config, whose sha256 is the image ID.",
        "metadata": "File: JSON (`verbatim.image/1`) with platform, manifest and config descriptors and the metadata of every layer.",
        "descriptor": "File: JSON, the OCI descriptor of the manifest, with the platform.",
        "digest": "File: `sha256:` and 64 hexadecimal digits, without a line feed.",
        "platform": "string: `os/architecture` or `os/architecture/variant`; the platform that was asked for.",
        "layers": "list of OciLayerInfo, bottom first: the layers of the image and of its bases that Bazel built.",
        "layouts": "depset of Files: OCI layouts (directories, archives, or files in `blobs/sha256`) that hold the layers of foreign bases.",
        "remote_blobs": "depset of structs `file` (File among `layouts` that an action fetches when its bytes are needed), `digest` (string) and " +
                        "`repository` (string, `registry/name`): layers that a registry has. Whoever can do without their bytes leaves the files alone.",
        "layouts_runfiles": "depset of Files: what links in these layouts point to.",
    },
)
