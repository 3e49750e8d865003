"""`locked_packages`: what the extension `packages` declares for each architecture of a lock."""

load("//rules/private/providers:locked_packages_info.bzl", "LockedPackagesInfo")

visibility("public")

def _locked_packages_impl(ctx):
    return [
        DefaultInfo(files = depset(ctx.files.packages)),
        LockedPackagesInfo(
            architecture = ctx.attr.architecture,
            lock = ctx.file.lock,
            # The name of each file is its sha256: see packages.bzl.
            packages = {file.basename: file for file in ctx.files.packages},
        ),
    ]

locked_packages = rule(
    implementation = _locked_packages_impl,
    attrs = {
        "architecture": attr.string(
            doc = "The architecture in the distribution's word.",
            mandatory = True,
        ),
        "lock": attr.label(
            doc = "The lock file.",
            allow_single_file = True,
            mandatory = True,
        ),
        "packages": attr.label_list(
            doc = "The packages, each a file that is named by its sha256.",
            allow_files = True,
        ),
    },
    doc = "The packages of a lock for one architecture.",
    provides = [LockedPackagesInfo],
)
