"""`oci_load`: an image into the container engine of this machine."""

load(":run.bzl", "verbatim_run")

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
        image: an image or index, or another target whose only output is an OCI layout.
        reference: the name under which the engine has it, such as `server:latest`.
        args: further arguments of `verbatim load`.
        **kwargs: attributes that all rules have, such as `tags` and `visibility`.
    """
    verbatim_run(
        name = name,
        args = ["load", "$(rootpath %s)" % image, "'%s'" % reference] + args,
        data = [image],
        **kwargs
    )
