"""`oci_layer`: files, programs, links and directories as one layer."""

load(":checks.bzl", "check_exclusive", "check_line", "check_mode", "fail_at", "image_path", "parse_owner", "show")
load(":entries.bzl", "add_entries", "add_executable", "directory_entry", "entry_list", "file_entry", "symlink_entry")
load(":layer_output.bzl", "ATTRIBUTE_ATTRS", "OUTPUT_ATTRS", "add_attribute_args", "make_layer")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "verbatim_args")

DEFAULT_ATTRS = {
    "create_parents": attr.bool(
        doc = "Whether directories above the entries are written too (0755, owner 0:0). Off by default: " +
              "a directory in a layer hides a symbolic link of the base, such as `/bin`.",
    ),
    "directory_mode": attr.string(
        doc = "The mode of directories, octal.",
        default = "0755",
    ),
    "file_mode": attr.string(
        doc = "The mode of files that are neither executables nor runfiles, octal. What a checkout or Bazel's output " +
              "folder says of a file's mode counts for nothing.",
        default = "0644",
    ),
    "owner": attr.string(
        doc = "The owner of everything, `UID:GID`.",
        default = "0:0",
    ),
}

def add_default_args(ctx, args):
    """Add what `DEFAULT_ATTRS` say to the arguments.

    Args:
        ctx: the rule's context.
        args: an Args object.
    """
    owner = parse_owner(ctx.label, "owner", ctx.attr.owner)
    args.add("--owner=%d:%d" % (owner.uid, owner.gid))
    args.add("--file-mode=" + check_mode(ctx.label, "file_mode", ctx.attr.file_mode))
    args.add("--dir-mode=" + check_mode(ctx.label, "directory_mode", ctx.attr.directory_mode))
    if ctx.attr.create_parents:
        args.add("--create-parents")

def _rename(renames, path):
    for old, new in renames:
        if path == old:
            return new
        if path.startswith(old + "/"):
            return (new + "/" if new else "") + path[len(old) + 1:]
    return path

def _below(prefix, path):
    return prefix + "/" + path if prefix else path

def _src_path(ctx, file, strip_prefix):
    """The path of a file of `srcs`, before `prefix` and `renames`."""
    path = file.short_path
    if path.startswith("../"):
        # Files of other repositories keep their path within their repository.
        path = path[len("../"):].partition("/")[2]
    if not strip_prefix:
        return path
    if path == strip_prefix:
        # A directory's contents stand on their own, a file needs a name.
        return "" if file.is_directory else path.rpartition("/")[2]
    if not path.startswith(strip_prefix + "/"):
        fail_at(ctx.label, "strip_prefix", "{} does not lie below \"{}\"; move it to another layer or to `files`, or correct the prefix.".format(
            repr(path),
            strip_prefix,
        ))
    return path[len(strip_prefix) + 1:]

def _oci_layer_impl(ctx):
    label = ctx.label
    prefix = image_path(label, "prefix", ctx.attr.prefix, allow_root = True) if ctx.attr.prefix else ""
    strip_prefix = image_path(label, "strip_prefix", ctx.attr.strip_prefix, allow_root = True) if ctx.attr.strip_prefix else ""
    if strip_prefix and not ctx.attr.srcs:
        fail_at(label, "strip_prefix", "is about the paths of `srcs`, and there are none; remove it.")
    renames = [
        (image_path(label, "renames", old), image_path(label, "renames", new, allow_root = True))
        for old, new in ctx.attr.renames.items()
    ]
    if renames and not ctx.attr.srcs:
        fail_at(label, "renames", "is about the paths of `srcs`, and there are none; remove it.")

    entries = []
    claims = {}

    def claim(path, attribute, who, file = None):
        # Directories may be unfolded into one place, and one file may be asked for twice.
        known = claims.get(path)
        if known and not (file and known.file == file) and not (file and known.file and (file.is_directory or known.file.is_directory)):
            fail_at(label, attribute, "{} puts something at \"/{}\", where `{}` puts {}; give one of them another path.".format(
                who,
                path,
                known.attribute,
                known.who,
            ))
        claims[path] = struct(attribute = attribute, who = who, file = file)

    for target in ctx.attr.srcs:
        for file in target[DefaultInfo].files.to_list():
            path = _rename(renames, _below(prefix, _src_path(ctx, file, strip_prefix)))
            if not path and not file.is_directory:
                fail_at(label, "renames", "{} would lie at the root of the image; rename it to a path.".format(repr(file.short_path)))
            claim(path, "srcs", show(target.label), file)
            entries.append(file_entry(file, path, origin = show(target.label)))

    for target, destination in ctx.attr.files.items():
        files = target[DefaultInfo].files.to_list()
        origin = show(target.label)
        if destination.endswith("/"):
            folder = _below(prefix, image_path(label, "files", destination, allow_root = True)) if destination != "/" else prefix
            for file in files:
                path = folder if file.is_directory else (_below(folder, file.basename) if folder else file.basename)
                claim(path, "files", origin, file)
                entries.append(file_entry(file, path, origin = origin))
            continue
        path = _below(prefix, image_path(label, "files", destination))
        if len(files) != 1:
            fail_at(label, "files", "{} has {} files, and \"{}\" is the path of one; end it with \"/\" to put them all below it.".format(
                origin,
                len(files),
                destination,
            ))
        claim(path, "files", origin, files[0])
        entries.append(file_entry(files[0], path, origin = origin))

    for path, target in ctx.attr.symlinks.items():
        path = _below(prefix, image_path(label, "symlinks", path))
        check_line(label, "symlinks", target)
        if not target:
            fail_at(label, "symlinks", "the link \"/{}\" points nowhere; give it a target such as \"/usr/bin/app\".".format(path))
        claim(path, "symlinks", "a link")
        entries.append(symlink_entry(path, target, origin = show(label)))

    for path in ctx.attr.directories:
        path = _below(prefix, image_path(label, "directories", path))
        claim(path, "directories", "a directory")
        entries.append(directory_entry(path, origin = show(label)))

    args = verbatim_args(ctx)
    add_default_args(ctx, args)
    add_attribute_args(ctx, args)
    listed = entry_list(ctx)
    add_entries(listed, entries)
    inputs = [depset([entry.file for entry in entries if entry.file])]

    runfiles_mode = check_mode(label, "runfiles_mode", ctx.attr.runfiles_mode)
    for target, destination in ctx.attr.binaries.items():
        path = image_path(label, "binaries", destination, allow_root = True) if destination != "/" else ""
        executable = target[DefaultInfo].files_to_run.executable
        if not executable:
            fail_at(label, "binaries", "{} cannot be executed; use `files` for it.".format(show(target.label)))
        if destination.endswith("/"):
            path = _below(path, executable.basename) if path else executable.basename
        path = _below(prefix, path)
        claim(path, "binaries", show(target.label))
        inputs.append(add_executable(
            listed,
            target,
            path,
            workspace = ctx.workspace_name,
            mode = "0755",
            runfiles_mode = runfiles_mode,
            empty = ctx.file._empty,
            include_runfiles = ctx.attr.include_runfiles,
        ))

    check_exclusive(label, {"mtree": ctx.attr.mtree != None, "mtree_content": bool(ctx.attr.mtree_content)})
    if ctx.attr.mtree_srcs and not ctx.attr.mtree and not ctx.attr.mtree_content:
        fail_at(label, "mtree_srcs", "is what an mtree may name, and there is none; add `mtree`, or remove it.")
    if ctx.attr.mtree or ctx.attr.mtree_content:
        mtree = _expand_mtree(ctx)
        args.add(mtree, format = "--mtree=%s")
        inputs.append(depset([mtree], transitive = [target[DefaultInfo].files for target in ctx.attr.mtree_srcs]))

    if not (entries or ctx.attr.binaries or ctx.attr.mtree or ctx.attr.mtree_content):
        fail_at(label, "files", "is empty, and so are `srcs`, `binaries`, `directories`, `symlinks` and `mtree`; say what the layer holds.")

    return make_layer(
        ctx,
        command = "layer",
        args = args,
        entries = listed,
        inputs = depset(transitive = inputs),
        mnemonic = "VerbatimLayer",
        progress_message = "Making layer %{label}",
        # An mtree holds paths that Bazel does not see.
        path_mapping = not ctx.attr.mtree and not ctx.attr.mtree_content,
    )

def _expand_mtree(ctx):
    """Put the paths of `mtree_srcs` in the place of `$(execpath :label)`."""
    substitutions = {}
    for target in ctx.attr.mtree_srcs:
        files = target[DefaultInfo].files.to_list()
        if len(files) != 1:
            continue
        names = [str(target.label), show(target.label), "//%s:%s" % (target.label.package, target.label.name)]
        if target.label.package == ctx.label.package and target.label.repo_name == ctx.label.repo_name:
            names.append(":" + target.label.name)
        for name in names:
            substitutions["$(execpath %s)" % name] = files[0].path
    output = ctx.actions.declare_file(ctx.label.name + ".mtree")
    if ctx.attr.mtree_content:
        text = "".join([check_line(ctx.label, "mtree_content", line) + "\n" for line in ctx.attr.mtree_content])
        for name, path in substitutions.items():
            text = text.replace(name, path)
        ctx.actions.write(output, text)
    else:
        ctx.actions.expand_template(
            template = ctx.file.mtree,
            output = output,
            substitutions = substitutions,
        )
    return output

oci_layer = rule(
    implementation = _oci_layer_impl,
    attrs = {
        "binaries": attr.label_keyed_string_dict(
            doc = "Executables with their runfiles: from a target to its path in the image. A path that ends in `/` keeps the file's name. " +
                  "The executable gets the mode 0755, its runfiles lie at `<path>.runfiles`, where its own run-time libraries look for them.",
            cfg = "target",
        ),
        "directories": attr.string_list(
            doc = "Directories, empty but for what else the layer puts into them: paths such as `/var/cache/app`.",
        ),
        "files": attr.label_keyed_string_dict(
            doc = "Files: from a target to a path in the image. A target with several files needs a path that ends in `/`: they go below it " +
                  "by their names. Of a directory (a tree artifact) the contents go below the path.",
            allow_files = True,
        ),
        "include_runfiles": attr.bool(
            doc = "Whether `binaries` come with their runfiles.",
            default = True,
        ),
        "mtree": attr.label(
            doc = "A file in the form of mtree(5), a line an entry: `path type= mode= uid= gid= link= contents= time=`. " +
                  "`contents=` is a path in the main repository, or `$(execpath //label)` of a target in `mtree_srcs`.",
            allow_single_file = True,
        ),
        "mtree_content": attr.string_list(
            doc = "The lines of an mtree, in place of a file.",
        ),
        "mtree_srcs": attr.label_list(
            doc = "The files that the mtree names.",
            allow_files = True,
        ),
        "prefix": attr.string(
            doc = "A path that is put in front of every path of `srcs`, `files`, `binaries`, `symlinks` and `directories`, such as `/opt/app`.",
        ),
        "renames": attr.string_dict(
            doc = "Other names for files of `srcs` and for all below a directory: from a path in the image (after `strip_prefix` and `prefix`) to another. The first that fits counts.",
        ),
        "runfiles_mode": attr.string(
            doc = "The mode of runfiles, octal. Any of them may be a program, hence the default.",
            default = "0755",
        ),
        "srcs": attr.label_list(
            doc = "Files that keep their path: relative to their repository, without `strip_prefix`, below `prefix`.",
            allow_files = True,
        ),
        "strip_prefix": attr.string(
            doc = "A path that is taken from the front of the paths of `srcs`, such as `src/etc`. A file that does not lie below it is an error.",
        ),
        "symlinks": attr.string_dict(
            doc = "Symbolic links: from a path in the image to what the link holds, such as `{\"/usr/bin/sh\": \"busybox\"}`.",
        ),
        "_empty": attr.label(
            allow_single_file = True,
            default = "//rules/private:empty",
        ),
    } | DEFAULT_ATTRS | ATTRIBUTE_ATTRS | OUTPUT_ATTRS,
    doc = """A layer of an image: files, programs with their runfiles, symbolic links and directories.

Everything is owned by 0:0, files are 0644, executables 0755 and times are 0 unless the attributes say otherwise; nothing is read
from the file system but the contents of files. The same content gives the same bytes on every machine.

Two different contents for one path are an error that names both; equal ones become one.

```starlark
oci_layer(
    name = "layer",
    binaries = {":server": "/usr/bin/server"},
    files = {":config.toml": "/etc/server/config.toml"},
    owners = {"/var/lib/server": "65532:65532"},
    directories = ["/var/lib/server"],
)
```

Outputs: the blob `<name>.tar.gz` (or `.tar`, `.tar.zst`) and, in the output group `metadata`, `<name>.layer.json`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
