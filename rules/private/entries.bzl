"""Entries of a layer: one JSON object each, in a list of their own.

Files of a depset become lines only when the action runs, so that analysis
neither flattens them nor keeps a second copy of their paths. The program reads
the list line by line: as arguments, all entries would be in its memory twice.
"""

load(":checks.bzl", "show")
load(":requests.bzl", "directory_entry_request", "file_entry_request", "symlink_entry_request")
load(":toolchain.bzl", "verbatim_args")

def entry_list(ctx):
    """Start a list of entries.

    Args:
        ctx: the rule's context.

    Returns:
        An Args object for `add_entries` and `add_executable`; the action needs it beside its arguments.
    """
    return verbatim_args(ctx, param_file = "--entries=%s")

def _line(fields):
    return json.encode(fields)

def _tree_files(fields, tree, expander):
    """The files of a directory, as Bazel knows them: how a sandbox lays them out must make no difference."""
    files = []
    for file in expander.expand(tree):
        at = {"path": _join(fields["path"], file.tree_relative_path), "source": file.path}
        files.append(fields | at)
    return files

def _join(folder, path):
    return folder + "/" + path if folder else path

def _entry_lines(entry, expander):
    """Turn an entry into lines; for `map_each`."""
    if entry.file == None:
        return [_line(entry.fields)]
    if not entry.file.is_directory:
        return [_line(entry.fields | {"source": entry.file.path})]

    # The directories belong to the tree, so that an owner can be set for them too.
    files = _tree_files(entry.fields, entry.file, expander)
    top = entry.fields["path"]
    directories = {top: None} if top else {}
    for file in files:
        folder = file["path"].rpartition("/")[0]

        # No path is deeper than it is long.
        for _ in range(len(folder)):
            if folder in directories or not folder:
                break
            directories[folder] = None
            folder = folder.rpartition("/")[0]
    return [
        _line(directory_entry_request(path, origin = entry.fields["origin"]))
        for path in directories
    ] + [_line(file) for file in files]

def file_entry(file, path, *, origin, mode = None):
    """A file, or a directory whose contents go below the path.

    Args:
        file: a File; a tree artifact is unfolded when the action runs.
        path: the path in the image.
        origin: what messages name as where this comes from.
        mode: octal digits; without it files get the layer's default.

    Returns:
        An entry for `add_entries`.
    """
    return struct(fields = file_entry_request(path, origin = origin, mode = mode), file = file)

def symlink_entry(path, target, *, origin):
    """A symbolic link.

    Args:
        path: the path in the image.
        target: what the link holds.
        origin: what messages name as where this comes from.

    Returns:
        An entry for `add_entries`.
    """
    return struct(fields = symlink_entry_request(path, target, origin = origin), file = None)

def directory_entry(path, *, origin):
    """An empty directory.

    Args:
        path: the path in the image.
        origin: what messages name as where this comes from.

    Returns:
        An entry for `add_entries`.
    """
    return struct(fields = directory_entry_request(path, origin = origin), file = None)

def add_entries(to, entries):
    """Add entries to a list.

    Args:
        to: an Args object of `entry_list`.
        entries: list of entries.
    """
    to.add_all(entries, map_each = _entry_lines, expand_directories = False)

def relative_to(path, directory):
    """Say where a path lies, seen from a directory.

    Args:
        path: a path in the image.
        directory: another one.

    Returns:
        A relative path.
    """
    parts = path.split("/")
    base = directory.split("/") if directory else []
    common = 0
    for i in range(min(len(parts), len(base))):
        if parts[i] != base[i]:
            break
        common = i + 1
    return "/".join([".."] * (len(base) - common) + parts[common:])

def in_runfiles(short_path, workspace):
    """Where a file lies below a runfiles directory.

    Args:
        short_path: the `short_path` of a File.
        workspace: the name of the main repository's directory there.

    Returns:
        A path such as `_main/package/file`.
    """
    if short_path.startswith("../"):
        return short_path[len("../"):]
    return workspace + "/" + short_path

def _may_be_unresolved(file):
    """Whether a file may be a symbolic link of its own (`declare_symlink`), which stays one.

    Bazel 8 knows; for Bazel 7 only a source file certainly is none, and the program looks:
    links that Bazel itself makes are absolute.
    """
    if hasattr(file, "is_symlink"):
        return file.is_symlink
    return not file.is_source

def runfile_lines(base, workspace, origin, mode, executable, executable_path):
    """How runfiles become lines.

    Args:
        base: the folder in the image that they go to.
        workspace: the name of the main repository's directory below that.
        origin: the target, as messages name it.
        mode: the mode of the runfiles.
        executable: the `short_path` of the executable, which is in the image elsewhere.
        executable_path: where it is.

    Returns:
        A struct of functions for `map_each`: `file` for Files, `symlink` and `root_symlink` for the entries of those depsets.
    """

    # Functions and strings alone are caught here: the runfiles stay in their depsets.
    origin = "runfiles of " + origin

    def entry(path, file, expander):
        if file.is_directory:
            fields = file_entry_request(path, origin = origin, mode = mode)
            return [_line(child) for child in _tree_files(fields, file, expander)]
        return [_line(file_entry_request(
            path,
            origin = origin,
            mode = mode,
            source = file.path,
            keep_relative_links = _may_be_unresolved(file),
        ))]

    def for_file(file, expander):
        path = base + "/" + in_runfiles(file.short_path, workspace)
        if file.short_path == executable:
            # The program is in the image once; its second place is a link to the first.
            target = relative_to(executable_path, path.rpartition("/")[0])
            return [_line(symlink_entry_request(path, target, origin = origin))]
        return entry(path, file, expander)

    def for_symlink(symlink, expander):
        return entry(base + "/" + workspace + "/" + symlink.path, symlink.target_file, expander)

    def for_root_symlink(symlink, expander):
        return entry(base + "/" + symlink.path, symlink.target_file, expander)

    return struct(file = for_file, symlink = for_symlink, root_symlink = for_root_symlink)

def add_executable(to, target, path, *, workspace, mode, runfiles_mode, empty, include_runfiles = True):
    """Add an executable and its runfiles to a list, as Bazel lays them out.

    Args:
        to: an Args object of `entry_list`.
        target: an executable Target.
        path: where the executable goes in the image; its runfiles go to `<path>.runfiles`.
        workspace: the name of the main repository's directory below that.
        mode: the executable's mode.
        runfiles_mode: the mode of the runfiles, of which any may be executed, as Bazel does.
        empty: an empty File, which stands for the files that Bazel adds without content.
        include_runfiles: whether the runfiles come too.

    Returns:
        A depset of the Files that the action needs.
    """
    info = target[DefaultInfo]
    executable = info.files_to_run.executable
    origin = show(target.label)
    add_entries(to, [file_entry(executable, path, origin = origin, mode = mode)])
    direct = [executable]
    if not include_runfiles:
        return depset(direct)

    runfiles = info.default_runfiles
    if not runfiles:
        return depset(direct)
    base = path + ".runfiles"
    lines = runfile_lines(base, workspace, origin, runfiles_mode, executable.short_path, path)
    to.add_all(runfiles.files, map_each = lines.file, expand_directories = False, allow_closure = True)
    to.add_all(runfiles.symlinks, map_each = lines.symlink, expand_directories = False, allow_closure = True)
    to.add_all(runfiles.root_symlinks, map_each = lines.root_symlink, expand_directories = False, allow_closure = True)

    names = runfiles.empty_filenames.to_list()
    if names:
        direct.append(empty)
        add_entries(to, [
            file_entry(empty, base + "/" + in_runfiles(name, workspace), origin = "runfiles of " + origin, mode = runfiles_mode)
            for name in names
        ])

    mapping = info.files_to_run.repo_mapping_manifest
    if mapping:
        direct.append(mapping)
        add_entries(to, [file_entry(mapping, base + "/_repo_mapping", origin = "runfiles of " + origin)])

    symlinked = depset(transitive = [runfiles.symlinks, runfiles.root_symlinks])
    return depset(
        direct + [symlink.target_file for symlink in symlinked.to_list()],
        transitive = [runfiles.files],
    )
