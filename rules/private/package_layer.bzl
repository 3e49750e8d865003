"""`package_layer`: locked packages as a layer."""

load("//rules/private/providers:locked_packages_info.bzl", "LockedPackagesInfo")
load(":layer_output.bzl", "OUTPUT_ATTRS", "make_layer")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "verbatim_args")

def _package_layer_impl(ctx):
    locked = ctx.attr.packages[LockedPackagesInfo]

    # A folder of links that are named by digests: the program takes from there what it would fetch.
    folder = ctx.label.name + ".packages"
    links = []
    for sha256, file in locked.packages.items():
        link = ctx.actions.declare_file(folder + "/" + sha256)
        ctx.actions.symlink(output = link, target_file = file)
        links.append(link)
    args = verbatim_args(ctx)
    args.add(locked.architecture, format = "--architecture=%s")
    if links:
        args.add(links[0].dirname, format = "--cache=%s")
    if ctx.attr.status_d:
        args.add("--status-d")
    return make_layer(
        ctx,
        command = ["packages", "install"],
        args = args,
        operands = [locked.lock],
        inputs = depset([locked.lock] + links),
        mnemonic = "VerbatimPackages",
        progress_message = "Installing packages %{label}",
        path_mapping = False,
    )

package_layer = rule(
    implementation = _package_layer_impl,
    attrs = {
        "packages": attr.label(
            doc = "The packages: a repository of the extension `packages`, such as `@base`, or one architecture of it, such as `@base//:arm64`.",
            mandatory = True,
            providers = [LockedPackagesInfo],
        ),
        "status_d": attr.bool(
            doc = "Debian: write `status.d`, which scanners read, in place of dpkg's database. For images without dpkg.",
        ),
    } | {name: OUTPUT_ATTRS[name] for name in ["compression", "level"]},
    doc = """Packages of a distribution as one layer, without running anything of theirs.

The files of all packages and the package database, as the distribution's own tools read it. All times are 0.
No script runs: what the usual ones do is done another way, and `verbatim packages lock` names those that do more.

```starlark
package_layer(
    name = "packages",
    packages = "@base",
)

oci_image(
    name = "image",
    layers = [":packages"],
)
```

Outputs as of `oci_layer`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
