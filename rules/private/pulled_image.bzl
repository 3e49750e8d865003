"""`pulled_image`: an image of a registry, whose layers are fetched when somebody needs their bytes."""

load("//rules/private/platform:target_platform.bzl", "PLATFORM_ATTRS", "platform_text", "resolve_platform")
load(":image_outputs.bzl", "image_providers")
load(":imported.bzl", "import_layout")
load(":layout.bzl", "LAYOUT_ATTRS")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args")

def _pulled_image_impl(ctx):
    platform = platform_text(resolve_platform(ctx))
    root = [file for file in ctx.files.srcs if file.basename == "oci-layout"][0].dirname
    files = import_layout(ctx, root, inputs = ctx.files.srcs, platform = platform, shallow = True)

    fetched = {file.basename: file for file in ctx.files.blobs}
    blobs = []
    remote = {}
    for layer in ctx.attr.layers:
        digest, _, size = layer.partition(" ")
        hexadecimal = digest.removeprefix("sha256:")
        if hexadecimal in fetched:
            blobs.append(fetched[hexadecimal])
            continue
        if digest in remote:
            continue
        blob = ctx.actions.declare_file("{}.blobs/blobs/sha256/{}".format(ctx.label.name, hexadecimal))
        args = verbatim_args(ctx)
        args.add("--blob")
        args.add("--size=" + size)
        args.add_all(ctx.attr.mirrors, format_each = "--source=%s")
        args.add_all(ctx.attr.plain_http, format_each = "--plain-http=%s")
        args.add(blob, format = "--output=%s")
        args.add("%s@%s" % ((ctx.attr.mirrors or [ctx.attr.repository])[0], digest))
        if ctx.attr.mirrors:
            args.add("--source=" + ctx.attr.repository)
        run_verbatim(
            ctx,
            command = ["pull"],
            args = [args],
            inputs = [],
            outputs = [blob],
            mnemonic = "VerbatimPull",
            progress_message = "Fetching a layer of %{label}",
            # The digest says what comes out, so a cache may keep it; a sandbox must let the program reach the registry.
            execution_requirements = {"requires-network": ""},
            # Where credentials are (HOME, DOCKER_CONFIG, …) comes by --action_env; they themselves are in no action's inputs.
            use_default_shell_env = True,
        )
        remote[digest] = struct(digest = digest, file = blob, repository = ctx.attr.repository)
        blobs.append(blob)

    return image_providers(
        ctx,
        files,
        platform = platform,
        layers = [],
        layouts = depset(blobs),
        layouts_runfiles = depset(),
        remote_blobs = depset(remote.values()),
    )

pulled_image = rule(
    implementation = _pulled_image_impl,
    attrs = {
        "blobs": attr.label_list(
            doc = "Layers that are there already, as files named by their digest.",
            allow_files = True,
        ),
        "layers": attr.string_list(
            doc = "The layers, bottom first: `sha256:<hex> <bytes>`.",
        ),
        "mirrors": attr.string_list(
            doc = "Repositories that are asked for layers before `repository`.",
        ),
        "plain_http": attr.string_list(
            doc = "Hosts that may be asked by plain HTTP.",
        ),
        "repository": attr.string(
            doc = "Where the layers are, `registry/name`.",
            mandatory = True,
        ),
        "srcs": attr.label_list(
            doc = "An OCI layout with the manifest and the config, and no layer.",
            allow_files = True,
            mandatory = True,
        ),
    } | PLATFORM_ATTRS | LAYOUT_ATTRS,
    doc = """An image of a registry. Its manifest and config are there, and each layer is fetched by an action that runs when another one needs its bytes.

Written by the extension `images`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
