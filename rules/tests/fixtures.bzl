"""Targets that tests need, made without rules of any language."""

load("//rules:providers.bzl", "RunfilesGroupsInfo")

def _program_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(program, "#!/bin/true\n", is_executable = True)

    # A link that leads nowhere in the build, as the `bin/python3` of a virtual environment is one.
    link = ctx.actions.declare_symlink(ctx.label.name + ".link")
    ctx.actions.symlink(output = link, target_path = "../somewhere/else")
    groups = {name: target[DefaultInfo].files for target, name in ctx.attr.groups.items()}
    return [DefaultInfo(
        executable = program,
        runfiles = ctx.runfiles(
            files = [program, link] + ctx.files.data,
            root_symlinks = {path: target[DefaultInfo].files.to_list()[0] for target, path in ctx.attr.root_symlinks.items()},
            symlinks = {path: target[DefaultInfo].files.to_list()[0] for target, path in ctx.attr.symlinks.items()},
        ),
    )] + ([RunfilesGroupsInfo(groups = groups)] if groups else [])

program = rule(
    implementation = _program_impl,
    attrs = {
        "data": attr.label_list(
            doc = "Runfiles.",
            allow_files = True,
        ),
        "groups": attr.label_keyed_string_dict(
            doc = "Groups of them.",
            allow_files = True,
        ),
        "root_symlinks": attr.label_keyed_string_dict(
            doc = "Runfiles under paths of their own.",
            allow_files = True,
        ),
        "symlinks": attr.label_keyed_string_dict(
            doc = "Runfiles under paths of their own in the main repository.",
            allow_files = True,
        ),
    },
    doc = "A program with all kinds of runfiles.",
    executable = True,
)

def _files_impl(ctx):
    outputs = []
    for name, content in ctx.attr.contents.items():
        output = ctx.actions.declare_file(ctx.label.name + "/" + name)
        ctx.actions.write(output, content)
        outputs.append(output)
    return [DefaultInfo(files = depset(outputs))]

files = rule(
    implementation = _files_impl,
    attrs = {"contents": attr.string_dict(doc = "From a file name to its content.")},
    doc = "Several files.",
)

def _broken_digests_impl(ctx):
    digest = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(digest, "sha256:")
    return [
        DefaultInfo(files = depset([digest])),
        OutputGroupInfo(descriptor = depset(), digest = depset([digest])),
    ]

broken_digests = rule(
    implementation = _broken_digests_impl,
    doc = "A target whose output groups promise an image and hold none.",
)
