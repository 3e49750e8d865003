"""The files of this checkout that an adopter needs, as `@source_files`.

They are part of three modules, and packages of their own: as labels of this workspace only some of them could be had. So each stands in a repository under a name that
makes no package, and `files.bzl` says where it belongs.
"""

# From the top of the checkout. What is in a folder is taken with all below it.
_FILES = [
    "BUILD.bazel",
    "CHANGELOG.md",
    "LICENSE",
    "MODULE.bazel",
    "README.md",
]
_FOLDERS = [
    "e2e/smoke",
    "rules",
    "tools",
]

def _is_left_out(path, name):
    """What is only for working on this repository, and what Bazel and Cargo leave behind."""
    if name.startswith("bazel-") or (name.startswith(".") and name != ".bazelrc"):
        return True
    if path in ["rules/tests", "tools/fuzz", "tools/target"]:
        return True
    return path.startswith("tools/crates/") and name in ["testdata", "tests"]

def _source_files_repository_impl(rctx):
    top = rctx.path(Label("//:MODULE.bazel")).dirname
    paths = list(_FILES)
    folders = list(_FOLDERS)

    # No recursion in Starlark: each round does one folder.
    for _ in range(100000):
        if not folders:
            break
        folder = folders.pop()
        for entry in top.get_child(folder).readdir(watch = "yes"):
            path = folder + "/" + entry.basename
            if not _is_left_out(path, entry.basename):
                (folders if entry.is_dir else paths).append(path)
    places = {}
    for path in sorted(paths):
        # A file that is called BUILD.bazel would make its folder a package.
        name = "files/" + path.replace("BUILD.bazel", "BUILD.bazel.source")
        rctx.symlink(top.get_child(path), name)
        places["@source_files//:" + name] = "/" + path
    rctx.file("BUILD.bazel", "exports_files(\n    glob([\"files/**\"]),\n    visibility = [\"//visibility:public\"],\n)\n")
    rctx.file("files.bzl", "\"\"\"Where each file belongs.\"\"\"\n\nSOURCE_FILES = " + json.encode_indent(places) + "\n")

_source_files_repository = repository_rule(
    implementation = _source_files_repository_impl,
    doc = "The files of the checkout that an adopter needs.",
    local = True,
)

def _source_files_impl(mctx):
    _source_files_repository(name = "source_files")
    return mctx.extension_metadata(reproducible = True)

source_files = module_extension(
    implementation = _source_files_impl,
    doc = "Declares `@source_files`.",
)
