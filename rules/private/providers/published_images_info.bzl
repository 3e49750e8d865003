"""What rules know of images and the references they are published under."""

PublishedImageInfo = provider(
    doc = "One image under one reference. It is given by `image`, by `index`, by `digest` and `descriptor`, by `layout` or by `file`; what it is not given by is None.",
    fields = {
        "reference": "struct with `registry`, `prefix`, `name` and `tag`: each a string, a File that holds the text, or None. `{KEY}` in them is not replaced yet.",
        "flags": "dict from string to string: the values of build settings that stand for `{KEY}`.",
        "status": "list of Files: workspace status whose stable keys stand for `{KEY}`; empty where the target is not stamped.",
        "origin": "string: the image's target, as messages name it.",
        "image": "OciImageInfo: an image for one platform.",
        "index": "OciIndexInfo: an image for several platforms.",
        "digest": "File: `sha256:` and 64 hexadecimal digits, of an image of other rules.",
        "descriptor": "File: JSON, the OCI descriptor beside `digest`.",
        "documents": "File: a directory, the documents of that image without its layers, or None.",
        "layout": "File: a directory, the OCI layout of an image of other rules.",
        "file": "File: an archive of a layout, a manifest or an index.",
        "layout_kind": "string: `image` or `index`, what the layout stands for where that could be two things.",
        "runfiles": "depset of Files: what links in `layout` point to.",
        "whole": "depset of Files: the image with all its bytes, for whoever looks at them: an OCI layout, or the file itself.",
    },
)

PublishedImagesInfo = provider(
    doc = "Images under the references that sums name: what is to be pushed, so that both come from one declaration.",
    fields = {
        "images": "list of PublishedImageInfo.",
    },
)
