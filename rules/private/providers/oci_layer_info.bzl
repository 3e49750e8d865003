"""What rules know of a layer."""

OciLayerInfo = provider(
    doc = "One layer of an image, or the layers of a plan: the bytes, and what there is to know about them without the bytes.",
    fields = {
        "blob": "File: the layer as a registry stores it, a tar archive or a compressed one. Of a `layer_plan` it is a directory with a blob for each layer.",
        "metadata": "File: JSON of some hundred bytes (`verbatim.layer/1`) with media type, digest, diff_id, sizes and encoder. " +
                    "Of a `layer_plan` there is a line for each layer, the lowest first. " +
                    "Whoever needs these and not the bytes takes this file alone.",
    },
)
