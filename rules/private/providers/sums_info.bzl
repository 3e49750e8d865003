"""What rules know of the sums of a release."""

SumsInfo = provider(
    doc = "The sums of images, of files, or of both.",
    fields = {
        "text": "File: a line per image or file, `<64 hexadecimal digits>  <reference or file name>`.",
        "json": "File: the same with sizes, media types, platforms and layers.",
    },
)
