"""What rules know of a layer."""

OciLayerInfo = provider(
    doc = "One layer of an image: its bytes, and what there is to know about it without them.",
    fields = {
        "blob": "File: the layer as a registry stores it, a tar archive or a compressed one.",
        "metadata": "File: JSON of some hundred bytes (`verbatim.layer/1`) with media type, digest, diff_id, sizes and encoder. " +
                    "Whoever needs these and not the bytes takes this file alone.",
    },
)
