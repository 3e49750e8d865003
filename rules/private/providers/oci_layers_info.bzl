"""What rules know of several layers."""

OciLayersInfo = provider(
    doc = "Several layers of an image, of which each has an action of its own.",
    fields = {
        "layers": "list of OciLayerInfo, the lowest first.",
    },
)
