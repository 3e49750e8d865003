"""`release`: all that is published, in one folder."""

load("//rules/private/providers:release_file_info.bzl", "ReleaseFilesInfo")
load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":checks.bzl", "fail_at", "show")
load(":release_binary.bzl", "check_published_name")

def _release_impl(ctx):
    label = ctx.label
    staged = {}

    def stage(attribute, name, file):
        check_published_name(label, attribute, name)
        if staged.setdefault(name, file) != file:
            fail_at(label, attribute, "{} and {} would both be {}; give one of them another name.".format(
                repr(staged[name].short_path),
                repr(file.short_path),
                repr(name),
            ))

    files = ctx.attr.files
    if files:
        if not files[ReleaseFilesInfo].files:
            fail_at(label, "files", "{} names no file itself; name the `file_sums` that has `srcs` or `files`.".format(show(files.label)))
        for published in files[ReleaseFilesInfo].files:
            stage("files", published.name, published.file)
        stage("files", "SHA256SUMS", files[SumsInfo].text)
        stage("files", "SHA256SUMS.json", files[SumsInfo].json)
    if ctx.attr.images:
        stage("images", "container_sums.sha256", ctx.attr.images[SumsInfo].text)
        stage("images", "container_sums.json", ctx.attr.images[SumsInfo].json)
    for file in ctx.files.beside:
        if file.is_directory:
            fail_at(label, "beside", "{} is a directory; name files.".format(repr(file.short_path)))
        stage("beside", file.basename, file)
    if not staged:
        fail_at(label, "files", "is missing, and so are `images` and `beside`; name what is released.")

    links = []
    for name, file in staged.items():
        link = ctx.actions.declare_file("%s/%s" % (label.name, name))
        ctx.actions.symlink(output = link, target_file = file)
        links.append(link)
    return [DefaultInfo(files = depset(links), runfiles = ctx.runfiles(links))]

release = rule(
    implementation = _release_impl,
    attrs = {
        "beside": attr.label_list(
            doc = "What else lies there, under its own name: statements of `provenance`, SBOMs, a changelog. No sums name it.",
            allow_files = True,
        ),
        "files": attr.label(
            doc = "A target of `file_sums`: its files under their published names, and its sums as `SHA256SUMS` (with `SHA256SUMS.json`).",
            providers = [[SumsInfo, ReleaseFilesInfo]],
        ),
        "images": attr.label(
            doc = "A target of `container_sums`: its sums as `container_sums.sha256` and `container_sums.json`. The images themselves go into a registry, with `oci_push`.",
            providers = [SumsInfo],
        ),
    },
    doc = """All that is published of a release, in one folder under `bazel-bin`.

```starlark
release(
    name = "dist",
    beside = [":provenance"],
    files = ":file_sums",
    images = ":container_sums",
)
```

`bazel build //release:dist` makes `bazel-bin/release/dist/`, whatever platforms its binaries are for:

```console
$ cd bazel-bin/release/dist && sha256sum -c SHA256SUMS
```

What lies there are links: copy them with `cp -RL`, or let `tar -h` and your uploader follow them.
""",
)
