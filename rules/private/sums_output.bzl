"""What rules that write sums have in common."""

load("//rules/private/providers:published_images_info.bzl", "PublishedImagesInfo")
load("//rules/private/providers:release_file_info.bzl", "ReleaseFilesInfo")
load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":toolchain.bzl", "run_verbatim", "verbatim_args")

SUMS_ATTRS = {
    "deps": attr.label_list(
        doc = "Further sums (`container_sums`, `file_sums`), whose lines are merged in.",
        providers = [SumsInfo],
    ),
}

def make_sums(ctx, *, add_args, inputs, files = [], published = []):
    """Declare the sums of a target, merged with those of `deps`.

    Args:
        ctx: the context of a rule with `SUMS_ATTRS`.
        add_args: function that adds the target's own records to an Args object; None where it has none.
        inputs: list or depset of the Files that they name.
        files: list of ReleaseFileInfo, the files that the target names itself.
        published: list of PublishedImageInfo, the images that the target names itself.

    Returns:
        A list of providers.
    """
    name = ctx.label.name
    text = ctx.actions.declare_file(name + ".sha256")
    json_file = ctx.actions.declare_file(name + ".json")
    deps = [target[SumsInfo] for target in ctx.attr.deps]

    own = struct(text = text, json = json_file)
    if add_args:
        if deps:
            own = struct(
                text = ctx.actions.declare_file(name + ".own.sha256"),
                json = ctx.actions.declare_file(name + ".own.json"),
            )
        args = verbatim_args(ctx)
        add_args(args)
        args.add(own.json, format = "--json=%s")
        args.add(own.text, format = "--output=%s")
        run_verbatim(
            ctx,
            command = ["sums", "create"],
            args = [args],
            inputs = inputs,
            outputs = [own.text, own.json],
            mnemonic = "VerbatimSums",
            progress_message = "Summing %{label}",
        )
    if deps:
        merged = ([own] if add_args else []) + deps
        args = verbatim_args(ctx)
        args.add(json_file, format = "--json=%s")
        args.add(text, format = "--output=%s")
        args.add_all([sums.text for sums in merged])
        run_verbatim(
            ctx,
            command = ["sums", "merge"],
            args = [args],
            inputs = [sums.text for sums in merged] + [sums.json for sums in merged],
            outputs = [text, json_file],
            mnemonic = "VerbatimSumsMerge",
            progress_message = "Merging sums of %{label}",
        )
    images = published + [
        image
        for target in ctx.attr.deps
        for image in target[PublishedImagesInfo].images
    ]
    released = files + [
        file
        for target in ctx.attr.deps
        if ReleaseFilesInfo in target
        for file in target[ReleaseFilesInfo].files
    ]
    return [
        DefaultInfo(files = depset([text, json_file])),
        OutputGroupInfo(
            json = depset([json_file]),
            # For whoever believes bytes alone, such as `verbatim rebuild`.
            released = depset([info.file for info in released], transitive = [image.whole for image in images]),
            text = depset([text]),
        ),
        PublishedImagesInfo(images = images),
        ReleaseFilesInfo(files = released),
        SumsInfo(json = json_file, text = text),
    ]
