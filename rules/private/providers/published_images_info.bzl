"""What rules know of images and the references they are published under."""

PublishedImagesInfo = provider(
    doc = "Images under the references that sums name: what is to be pushed, so that both come from one declaration.",
    fields = {
        "groups": "list of structs, one for each `container_sums` with images: " +
                  "`records` (list of structs, see `published_images`), `status` (list of Files) and `defines` (dict), which fill `{KEY}` in its references.",
    },
)
