"""Which family of media types images are written with."""

MEDIA_TYPES = ["docker", "oci"]

MEDIA_TYPE_ATTRS = {
    "media_types": attr.string(
        doc = "The media types of what is written: `oci`, or `docker` for registries that know no other (zstd layers have none there).",
        default = "oci",
    ),
}
