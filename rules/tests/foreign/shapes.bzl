"""Images as other rulesets hand them on: the same files, names, links, output groups and runfiles, made out of an image of these rules.

Read in the sources of rules_oci (June 2026), rules_img 0.3.19 and rules_apko (August 2026).
"""

load("//rules:providers.bzl", "OciImageInfo", "OciIndexInfo")

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"

# lay_out OUTPUT STEP…: `copy=FILE` and `link=FILE` put a blob there, `remnant=TEXT` one that nothing names, `base=LAYOUT` links all blobs of another layout, `index=FILE` is index.json, `name=TYPE=FILE`
# is what index.json names (`bare=TYPE=FILE`: and it does not say its own version), and `root=TYPE=FILE` the same of a layout that is called
# sparse, where `describe=FILE` stands for a layer.
_LAY_OUT = """
set -eu
out=$1
shift
mkdir -p "$out/blobs/sha256"
marker=oci-layout
digest() { sha256sum <"$1" | cut -c1-64; }
relative() { realpath --no-symlinks --relative-to="$out/blobs/sha256" "$1"; }
descriptor() { printf '{\n  "mediaType": "%s",\n  "size": %s,\n  "digest": "sha256:%s"\n}\n' "$1" "$(wc -c <"$2")" "$(digest "$2")"; }
for step; do
  file=${step#*=}
  case $step in
  copy=*) cp --no-preserve=mode --remove-destination "$file" "$out/blobs/sha256/$(digest "$file")" ;;
  link=*) ln --force --symbolic "$(relative "$file")" "$out/blobs/sha256/$(digest "$file")" ;;
  base=*) for blob in "$file"/blobs/sha256/*; do ln --symbolic "$(relative "$blob")" "$out/blobs/sha256/"; done ;;
  remnant=*)
    printf %s "$file" >"$out/remnant"
    mv --force "$out/remnant" "$out/blobs/sha256/$(digest "$out/remnant")"
    ;;
  describe=*)
    printf '{\n  "mediaType": "%s",\n  "digest": "sha256:%s"\n}' application/vnd.oci.image.layer.v1.tar "$(digest "$file")" \
      >"$out/blobs/sha256/$(digest "$file").descriptor.json"
    ;;
  index=*) cp --no-preserve=mode "$file" "$out/index.json" ;;
  name=*) printf '{\n  "schemaVersion": 2,\n  "manifests": [\n%s\n  ]\n}\n' "$(descriptor "${file%%=*}" "${file#*=}")" >"$out/index.json" ;;
  bare=*) printf '{\n  "manifests": [\n%s\n  ]\n}\n' "$(descriptor "${file%%=*}" "${file#*=}")" >"$out/index.json" ;;
  root=*)
    descriptor "${file%%=*}" "${file#*=}" >"$out/root.descriptor.json"
    marker=sparse-oci-layout
    ;;
  esac
done
printf '{"imageLayoutVersion": "1.0.0"}\n' >"$out/$marker"
"""

def _lay_out(ctx, name, steps, inputs):
    output = ctx.actions.declare_directory(name)
    ctx.actions.run_shell(
        command = _LAY_OUT,
        arguments = [output.path] + steps,
        inputs = inputs,
        outputs = [output],
        mnemonic = "ForeignLayout",
    )
    return output

def _steps(verb, files):
    return ["{}={}".format(verb, file.path) for file in files]

def _unique(files):
    return {file: None for file in files}.keys()

def _layers(images):
    return _unique([layer.blob for image in images for layer in image.layers])

def _documents(images):
    return _unique([file for image in images for file in [image.manifest, image.config]])

def _rules_oci_image_impl(ctx):
    image = ctx.attr.image[OciImageInfo]
    base = ctx.attr.base
    below = ctx.attr.base_image[OciImageInfo].layers if ctx.attr.base_image else []
    layers = [layer.blob for layer in image.layers if layer not in below]
    runfiles = [depset(layers)]
    if base:
        runfiles.extend([base[DefaultInfo].files, base[DefaultInfo].default_runfiles.files])

    # Each step of its making leaves a config and a manifest behind, which nothing names in the end.
    layout = _lay_out(
        ctx,
        ctx.label.name,
        (_steps("base", base[DefaultInfo].files.to_list()) if base else []) +
        _steps("copy", [image.manifest, image.config]) + _steps("link", layers) +
        ["remnant={\"architecture\":\"none\"}", "name={}={}".format(_MANIFEST, image.manifest.path)],
        depset([image.manifest, image.config] + layers, transitive = runfiles),
    )
    return [DefaultInfo(files = depset([layout]), runfiles = ctx.runfiles(transitive_files = depset(transitive = runfiles)))]

rules_oci_image = rule(
    implementation = _rules_oci_image_impl,
    attrs = {
        "base": attr.label(doc = "The base as rules_oci hands it on."),
        "base_image": attr.label(
            doc = "The same base, of these rules.",
            providers = [OciImageInfo],
        ),
        "image": attr.label(
            doc = "The image.",
            mandatory = True,
            providers = [OciImageInfo],
        ),
    },
    doc = "`oci_image` of rules_oci: one directory; layers are links to the archives, and the base's blobs are links to its links.",
)

def _rules_oci_index_impl(ctx):
    index = ctx.attr.image[OciIndexInfo]
    blobs = [index.index] + _documents(index.images) + _layers(index.images)
    layout = _lay_out(ctx, ctx.label.name, _steps("copy", blobs) + ["bare={}={}".format(_INDEX, index.index.path)], blobs)
    return [DefaultInfo(files = depset([layout]))]

_INDEX_ATTRS = {"image": attr.label(
    doc = "The index.",
    mandatory = True,
    providers = [OciIndexInfo],
)}

rules_oci_index = rule(
    implementation = _rules_oci_index_impl,
    attrs = _INDEX_ATTRS,
    doc = "`oci_image_index` of rules_oci: one directory with everything in it; `index.json` names the index.",
)

def _rules_img_impl(ctx):
    name = ctx.label.name
    if OciImageInfo in ctx.attr.image:
        info = ctx.attr.image[OciImageInfo]
        images, root, media_type, default = [info], info.manifest, _MANIFEST, [info.manifest, info.config]
        named = ["name={}={}".format(_MANIFEST, root.path)]
    else:
        info = ctx.attr.image[OciIndexInfo]
        images, root, media_type, default = info.images, info.index, _INDEX, [info.index]
        named = ["index=" + root.path]
    digest = ctx.actions.declare_file(name + "_digest")
    descriptor = ctx.actions.declare_file(name + "_descriptor.json")
    for output, of in [(digest, info.digest), (descriptor, info.descriptor)]:
        ctx.actions.symlink(output = output, target_file = of)
    documents = _documents(images)
    layers = _layers(images)

    # The real rules have the digests of layers in files of metadata, so that this directory is made without a layer.
    sparse = _lay_out(
        ctx,
        name + "_sparse_oci_layout",
        _steps("copy", [root] + documents) + _steps("describe", layers) + ["root={}={}".format(media_type, root.path)],
        [root] + documents + layers,
    )
    groups = {}
    if ctx.attr.layout:
        groups["oci_layout"] = depset([_lay_out(ctx, name + "_oci_layout", _steps("link", documents + layers) + named, [root] + documents + layers)])
    return [
        DefaultInfo(files = depset(default)),
        OutputGroupInfo(
            descriptor = depset([descriptor]),
            digest = depset([digest]),
            root_blob = depset([root]),
            sparse_oci_layout = depset([sparse]),
            **groups
        ),
    ]

rules_img_image = rule(
    implementation = _rules_img_impl,
    attrs = {
        "image": attr.label(
            doc = "The image or index.",
            mandatory = True,
        ),
        "layout": attr.bool(
            doc = "Whether there is a whole layout.",
            default = True,
        ),
    },
    doc = "`image_manifest` and `image_index` of rules_img: documents, and the rest in output groups. Blobs are links, and not among the runfiles; " +
          "of an index, `index.json` is that index.",
)

def _rules_apko_image_impl(ctx):
    index = ctx.attr.image[OciIndexInfo]
    blobs = _documents(index.images) + _layers(index.images)
    layout = _lay_out(ctx, ctx.label.name, _steps("copy", blobs) + ["index=" + index.index.path], [index.index] + blobs)
    return [DefaultInfo(files = depset([layout]))]

rules_apko_image = rule(
    implementation = _rules_apko_image_impl,
    attrs = _INDEX_ATTRS,
    doc = "`apko_image` of rules_apko: one directory with everything in it; `index.json` is the index.",
)
