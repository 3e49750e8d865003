"""`binary_layers`: one program with its runfiles as several layers, by how often they change."""

load("//rules/private/providers:oci_layers_info.bzl", "OciLayersInfo")
load("//rules/private/providers:runfiles_groups_info.bzl", "RunfilesGroupsInfo")
load(":binary_layer.bzl", "PROGRAM_ATTRS", "launcher_entries", "program_path")
load(":checks.bzl", "check_mode", "fail_at", "image_path", "show")
load(":entries.bzl", "add_entries", "entry_list", "file_entry", "in_runfiles", "relative_to", "runfile_lines", "symlink_entry")
load(":layer.bzl", "DEFAULT_ATTRS", "add_default_args")
load(":layer_output.bzl", "OUTPUT_ATTRS", "declare_layer")
load(":runfiles_groups.bzl", "DEFAULT_GROUPS", "group_of")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "verbatim_args")

# The layer of what is in no group.
_OWN = "app"

def _offered(ctx):
    """The groups that rules of the language offer. Toolchains are not asked: Bazel would load those of Python for programs of any language."""
    if RunfilesGroupsInfo in ctx.attr.binary:
        return ctx.attr.binary[RunfilesGroupsInfo].groups
    return {}

def _check_groups(ctx, names):
    for name in names:
        if not name or name == _OWN or [c for c in name.elems() if not (c.isalnum() or c in "_-")]:
            fail_at(ctx.label, "groups", "{} is not the name of a group; write letters, digits, \"_\" and \"-\", such as \"packages\" (\"{}\" is the layer of what is in none).".format(repr(name), _OWN))

def _grouped(ctx, runfiles):
    """The runfiles by their groups: from a name to what is in it, the lowest layer first."""
    main = ctx.workspace_name
    offered = _offered(ctx)
    chosen = ctx.attr.groups or DEFAULT_GROUPS
    of_file = {file: name for name, files in reversed(offered.items()) for file in files.to_list()}
    names = list(offered) + [name for name in chosen if name not in offered]
    _check_groups(ctx, names)
    groups = {name: struct(empty = [], files = [], root_symlinks = [], symlinks = []) for name in names + [_OWN]}

    def group(path, file = None):
        # What is written in the BUILD file counts for more than what is offered, and that for more than names of repositories.
        name = group_of(ctx.attr.groups, path, main) or of_file.get(file) or (None if ctx.attr.groups else group_of(DEFAULT_GROUPS, path, main))
        return groups[name or _OWN]

    executable = ctx.executable.binary
    for file in runfiles.files.to_list():
        if file == executable:
            groups[_OWN].files.append(file)
        else:
            group(in_runfiles(file.short_path, main), file).files.append(file)
    for symlink in runfiles.symlinks.to_list():
        group(main + "/" + symlink.path, symlink.target_file).symlinks.append(symlink)
    for symlink in runfiles.root_symlinks.to_list():
        group(symlink.path, symlink.target_file).root_symlinks.append(symlink)
    for name in runfiles.empty_filenames.to_list():
        group(in_runfiles(name, main)).empty.append(name)

    found = {name: group for name, group in groups.items() if group.files or group.symlinks or group.root_symlinks or group.empty or name == _OWN}
    for name in ctx.attr.groups:
        if name not in found:
            fail_at(ctx.label, "groups", "no runfile of {} is in the group {}; correct its patterns, or remove it. There are files of {}.".format(
                show(ctx.attr.binary.label),
                repr(name),
                ", ".join(_repositories(found.values(), main)),
            ))
    return found

def _repositories(groups, main):
    """The directories below the runfiles."""
    names = {}
    for group in groups:
        for file in group.files:
            names[in_runfiles(file.short_path, main).partition("/")[0]] = None
        for name in group.empty:
            names[in_runfiles(name, main).partition("/")[0]] = None
        for symlink in group.root_symlinks:
            names[symlink.path.partition("/")[0]] = None
        if group.symlinks:
            names[main] = None
    return sorted(names)

def _binary_layers_impl(ctx):
    label = ctx.label
    main = ctx.workspace_name
    binary = ctx.attr.binary
    info = binary[DefaultInfo]
    executable = ctx.executable.binary
    origin = show(binary.label)
    path = program_path(ctx)
    own = path + ".runfiles"
    shared = image_path(label, "runfiles", ctx.attr.runfiles)
    mode = check_mode(label, "mode", ctx.attr.mode)
    runfiles_mode = check_mode(label, "runfiles_mode", ctx.attr.runfiles_mode)
    lines = runfile_lines(shared, main, origin, runfiles_mode, executable.short_path, path)
    groups = _grouped(ctx, info.default_runfiles)

    layers = {}
    for name, group in groups.items():
        entries = entry_list(ctx)
        targets = [symlink.target_file for symlink in group.symlinks + group.root_symlinks]
        inputs = group.files + targets + ([ctx.file._empty] if group.empty else [])
        entries.add_all(group.files, map_each = lines.file, expand_directories = False, allow_closure = True)
        entries.add_all(group.symlinks, map_each = lines.symlink, expand_directories = False, allow_closure = True)
        entries.add_all(group.root_symlinks, map_each = lines.root_symlink, expand_directories = False, allow_closure = True)
        add_entries(entries, [
            file_entry(ctx.file._empty, shared + "/" + in_runfiles(empty, main), origin = "runfiles of " + origin, mode = runfiles_mode)
            for empty in group.empty
        ])
        if name == _OWN:
            add_entries(entries, [file_entry(executable, path, origin = origin, mode = mode)])
            inputs.append(executable)
            mapping = info.files_to_run.repo_mapping_manifest
            if mapping:
                # Each program has its own, so that several in one image find what is theirs.
                add_entries(entries, [file_entry(mapping, own + "/_repo_mapping", origin = "runfiles of " + origin)])
                inputs.append(mapping)
            if own != shared:
                add_entries(entries, [
                    symlink_entry(own + "/" + repository, relative_to(shared + "/" + repository, own), origin = "runfiles of " + origin)
                    for repository in _repositories(groups.values(), main)
                ])
            add_entries(entries, launcher_entries(ctx, path))
        args = verbatim_args(ctx)
        add_default_args(ctx, args)
        layers[name] = declare_layer(
            ctx,
            name = label.name + "." + name,
            command = "layer",
            args = args,
            entries = entries,
            inputs = depset(inputs),
            mnemonic = "VerbatimLayer",
            progress_message = "Making layer {} of %{{label}}".format(name),
        )
    return [
        DefaultInfo(files = depset([layer.blob for layer in layers.values()])),
        OciLayersInfo(layers = layers.values()),
        OutputGroupInfo(
            metadata = depset([layer.metadata for layer in layers.values()]),
            **{name: depset([layer.blob]) for name, layer in layers.items()}
        ),
    ]

layers_of_binary = rule(
    implementation = _binary_layers_impl,
    attrs = {
        "groups": attr.string_list_dict(
            doc = "Which runfiles go into layers of their own.",
        ),
        "runfiles": attr.string(
            doc = "Where the runfiles go.",
            default = "/app/runfiles",
        ),
    } | PROGRAM_ATTRS | DEFAULT_ATTRS | OUTPUT_ATTRS,
    doc = "The layers of `binary_layers`.",
    toolchains = [TOOLCHAIN_TYPE],
)

def _canonical(pattern):
    """The repository that a BUILD file calls `@name`, by the name that it has among runfiles."""
    if len(pattern) < 2 or not pattern.startswith("@") or pattern.startswith("@@"):
        return pattern
    return "@@" + native.package_relative_label(pattern + "//:x").repo_name

def binary_layers(name, binary, groups = {}, **kwargs):
    """An executable with its runfiles as several layers: what seldom changes in layers of its own, which images share.

    For programs that come with an interpreter: the layers are `interpreter`, `packages` (what other repositories bring, and what lies in `site-packages` or
    `node_modules`) and `app` (the executable, and what is the main repository's own). A change in `app` leaves the bytes of all others alone, and does not even
    run the actions that make them.

    ```starlark
    binary_layers(
        name = "layers",
        binary = ":server",
    )

    oci_image(
        name = "image",
        entrypoint = ["/app/server"],
        layers = [":layers"],
    )
    ```

    Runfiles are at `<runfiles>/<repository>/<path in it>`, whatever the program is called, so that the same packages are the same layer in all images. In
    `<path>.runfiles`, where a program looks for them, is a link for each repository, and `_repo_mapping`.

    Outputs: the archives `<name>.<group>.tar.gz` (or as `compression` has it); an output group for each group, and `metadata` for what is known of them.

    Args:
        name: the name of the target.
        binary: the executable target, in any language. If it offers `RunfilesGroupsInfo`, its groups are taken.
        groups: instead of the groups above: from a name to patterns over runfiles, the lowest layer first; a file is in the first group that has a pattern for it,
            and in `app` if none has. `"@name"` is the repository that this BUILD file calls so, `"@"` every repository but the main one, and anything
            else a glob over `<repository>/<path>` with Bazel's own names of repositories: `*` stays within a component, `**` crosses them, as in
            `"*pip*torch*/**"` or `"**/node_modules/**"`. A group without a file is an error.
        **kwargs: `path` (where the executable goes; a path that ends in `/` keeps its file name, by default `/app/`), `runfiles` (where the runfiles go, by default
            `/app/runfiles`), `launcher`, `mode`, `runfiles_mode` and the attributes of archives as `binary_layer` has them; attributes that all rules have.
    """
    layers_of_binary(
        name = name,
        binary = binary,
        groups = {group: [_canonical(pattern) for pattern in patterns] for group, patterns in groups.items()},
        **kwargs
    )
