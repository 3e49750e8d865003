"""`oci_load`: an image into the container engine of this machine."""

load(":checks.bzl", "check_line", "fail_at", "show")
load(":foreign.bzl", "foreign_image")
load(":requests.bzl", "runfiles_path")
load(":run.bzl", "operand", "program_args", "run_program")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _load_impl(ctx):
    label = ctx.label
    image = ctx.attr.image
    foreign = foreign_image(label, "image", image)
    layout = foreign.layout or foreign.file
    if not layout:
        fail_at(label, "image", "{} has no OCI layout to load (an output group `oci_layout` with one directory).".format(show(image.label)))
    return [run_program(
        ctx,
        ["load", operand(runfiles_path(layout)), check_line(label, "reference", ctx.attr.reference)],
        files = [layout],
        transitive_files = [foreign.runfiles],
    )]

load_program = rule(
    implementation = _load_impl,
    attrs = {
        "image": attr.label(
            doc = "The image.",
            allow_files = True,
            mandatory = True,
        ),
        "reference": attr.string(
            doc = "Its name in the engine.",
            mandatory = True,
        ),
    },
    doc = "`verbatim load` with an image.",
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def oci_load(name, image, reference, args = [], **kwargs):
    """Load an image into podman, docker or containerd: `bazel run :<name>`.

    The image is streamed to the engine's socket, and what the engine made of it is compared with what was built. What the engine has already is left out.
    What follows `--` goes to `verbatim load`: `bazel run :<name> -- --engine=podman`.

    ```starlark
    oci_load(
        name = "load",
        image = ":image",
        reference = "server:latest",
    )
    ```

    Args:
        name: the name of the target.
        image: an image or index, of these rules, of rules_oci, rules_img or rules_apko; or another target whose only output is an OCI layout.
        reference: the name under which the engine has it, such as `server:latest`.
        args: further arguments of `verbatim load`.
        **kwargs: attributes that all rules have, such as `tags` and `visibility`.
    """
    load_program(
        name = name,
        args = program_args(name) + args,
        image = image,
        reference = reference,
        **kwargs
    )
