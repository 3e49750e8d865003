"""`file_sums`: the digests of a release's files."""

load("//rules/private/providers:release_file_info.bzl", "ReleaseFileInfo", "ReleaseFilesInfo")
load(":checks.bzl", "fail_at", "show")
load(":release_binary.bzl", "check_published_name")
load(":requests.bzl", "exec_path", "file_record_request")
load(":sums_output.bzl", "SUMS_ATTRS", "make_sums")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _record_arg(record):
    return "--file-record=" + json.encode(file_record_request(record.file, name = record.name, origin = record.origin, place = exec_path))

def _file_sums_impl(ctx):
    label = ctx.label
    records = []
    known = {}

    def add(attribute, file, name, origin):
        check_published_name(label, attribute, name)
        if name in known and known[name] != file:
            fail_at(label, attribute, "{} and {} are both published as {}; give one of them another name.".format(
                repr(known[name].short_path),
                repr(file.short_path),
                repr(name),
            ))
        known[name] = file
        records.append(struct(file = file, name = name, origin = origin))

    for target in ctx.attr.srcs:
        origin = show(target.label)
        if ReleaseFilesInfo in target:
            for info in target[ReleaseFilesInfo].files:
                add("srcs", info.file, info.name, origin)
            continue
        for file in target[DefaultInfo].files.to_list():
            if file.is_directory:
                fail_at(label, "srcs", "{} is a directory; sums are of files.".format(repr(file.short_path)))
            add("srcs", file, file.basename, origin)
    for target, published in ctx.attr.files.items():
        files = target[DefaultInfo].files.to_list()
        if len(files) != 1 or files[0].is_directory:
            fail_at(label, "files", "{} is not one file; name one, or use `srcs`.".format(show(target.label)))
        for name in published.split(" "):
            if name:
                add("files", files[0], name, show(target.label))
    if not records and not ctx.attr.deps:
        fail_at(label, "srcs", "is empty, and so are `files` and `deps`; name what is released.")

    return make_sums(
        ctx,
        add_args = (lambda args: args.add_all(records, map_each = _record_arg)) if records else None,
        files = [ReleaseFileInfo(file = record.file, name = record.name) for record in records],
        inputs = [record.file for record in records],
    )

file_sums = rule(
    implementation = _file_sums_impl,
    attrs = {
        "files": attr.label_keyed_string_dict(
            doc = "Files and the names they are published under; several names are separated by spaces.",
            allow_files = True,
        ),
        "srcs": attr.label_list(
            doc = "Targets of `release_binary` and `release_binaries`, under their published names; and any other files, under their own.",
            allow_files = True,
        ),
    } | SUMS_ATTRS,
    doc = """The digests of files under the names they are published as, in the form that `sha256sum -c` reads.

`<name>.sha256` has a line per file, sorted by name; `<name>.json` adds the sizes. With `deps` the sums of images and of files become one list.

```starlark
file_sums(
    name = "file_sums",
    srcs = [":tool"],
    files = {"//docs:manual.pdf": "tool-manual.pdf"},
)
```

Output groups: `text`, `json`, and `released`: what the digests are of, all bytes of it.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
