"""What the actions of the rules are, and what they are given."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules:providers.bzl", "OciImageInfo", "OciIndexInfo", "OciLayerInfo", "OciLayersInfo", "SumsInfo")

# What Bazel itself adds to a program; no process comes of these.
_OF_BAZEL = ["ExecutableSymlink", "FileWrite", "Middleman", "RepoMappingManifest", "RunfilesTree", "SourceSymlinkManifest", "SymlinkTree"]

def _verbatim_actions(actions, mnemonic):
    return [action for action in actions if action.mnemonic == mnemonic]

def _check_tool(env, action):
    """The command is the program itself, and what it is told stands in a param file."""
    program = action.argv[0].split("/")[-1]
    asserts.true(env, program.startswith("verbatim"), "{} runs {} and not the program".format(action.mnemonic, action.argv[0]))
    asserts.equals(env, {}, dict(action.env))

def _blobs(files):
    """Layers, and folders that may hold some. Those of rules_img that are called sparse hold none."""
    return [
        file.path
        for file in files
        if file.path.endswith(".tar") or file.path.endswith(".tar.gz") or file.path.endswith(".tar.zst") or
           (file.is_directory and not file.path.endswith("_sparse_oci_layout"))
    ]

def _layer_actions_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    actions = analysistest.target_actions(env)
    layers = _verbatim_actions(actions, "VerbatimLayer")
    asserts.equals(env, 1, len(layers), "a layer takes one process")
    asserts.equals(env, [], [action.mnemonic for action in actions if action.mnemonic not in ["VerbatimLayer"] + ctx.attr.also])
    _check_tool(env, layers[0])
    info = target[OciLayerInfo]
    asserts.equals(
        env,
        sorted([info.blob.path, info.metadata.path]),
        sorted([file.path for file in layers[0].outputs.to_list()]),
    )
    for argument in ctx.attr.arguments:
        asserts.true(env, argument in layers[0].argv, "{} is not among {}".format(argument, layers[0].argv))
    return analysistest.end(env)

layer_actions_test = analysistest.make(
    _layer_actions_test_impl,
    attrs = {
        "also": attr.string_list(doc = "Mnemonics of actions that there may be beside the layer's."),
        "arguments": attr.string_list(doc = "What must be among the arguments."),
    },
)

def _grouped_layers_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    layers = {}
    for action in _verbatim_actions(analysistest.target_actions(env), "VerbatimLayer"):
        _check_tool(env, action)
        inputs = [
            file.basename
            for file in action.inputs.to_list()
            if "verbatim" not in file.basename and not file.basename.endswith(".repo_mapping")
        ]
        output = [file.basename for file in action.outputs.to_list() if not file.basename.endswith(".json")][0]
        layers[output.split(".")[1]] = " ".join(sorted(inputs))
    asserts.equals(env, ctx.attr.layers, dict(sorted(layers.items())))

    # The program's own code changes most: it is on top.
    blobs = [layer.blob.basename.split(".")[1] for layer in target[OciLayersInfo].layers]
    asserts.equals(env, "app", blobs[-1])
    asserts.equals(env, sorted(layers), sorted(blobs))
    for name in layers:
        asserts.equals(env, 1, len(getattr(target[OutputGroupInfo], name).to_list()))
    return analysistest.end(env)

grouped_layers_test = analysistest.make(
    _grouped_layers_test_impl,
    attrs = {"layers": attr.string_dict(doc = "From a layer to the names of the files that its action gets, and of no others.")},
)

def _small_inputs_test_impl(ctx):
    env = analysistest.begin(ctx)
    actions = analysistest.target_actions(env)
    found = _verbatim_actions(actions, ctx.attr.mnemonic)
    asserts.equals(env, 1, len(found), "one {}".format(ctx.attr.mnemonic))
    for action in found:
        _check_tool(env, action)
        asserts.equals(env, [], _blobs(action.inputs.to_list()), "{} must not get the bytes of layers".format(action.mnemonic))
        for argument in ctx.attr.arguments:
            asserts.true(env, argument in action.argv, "{} is not among {}".format(argument, action.argv))
    for action in actions:
        if action.mnemonic not in _OF_BAZEL:
            _check_tool(env, action)
    return analysistest.end(env)

_SMALL_INPUTS = {
    "arguments": attr.string_list(doc = "What must be among the arguments."),
    "mnemonic": attr.string(doc = "The action that must get small files alone."),
}

small_inputs_test = analysistest.make(
    _small_inputs_test_impl,
    attrs = _SMALL_INPUTS,
)

small_inputs_from_cache_test = analysistest.make(
    _small_inputs_test_impl,
    attrs = _SMALL_INPUTS,
    config_settings = {str(Label("//rules/settings:push_from")): "cache"},
)

def _image_outputs_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    default = target[DefaultInfo].files.to_list()
    asserts.equals(env, 1, len(default), "an image is one layout")
    asserts.true(env, default[0].is_directory, "a layout is a directory")
    asserts.equals(env, target.label.name, default[0].basename)
    runfiles = target[DefaultInfo].default_runfiles.files.to_list()
    groups = target[OutputGroupInfo]
    for group in ["config", "descriptor", "digest", "layout", "manifest", "metadata", "tarball"]:
        asserts.true(env, len(getattr(groups, group).to_list()) >= 1, "the output group {} is empty".format(group))
    asserts.equals(env, default, groups.layout.to_list())
    images = [target[OciImageInfo]] if OciImageInfo in target else target[OciIndexInfo].images
    asserts.equals(env, ctx.attr.platforms, [image.platform for image in images])
    for image in images:
        for layer in image.layers:
            asserts.true(env, layer.blob in runfiles, "{} is a link's target and must be among the runfiles".format(layer.blob.path))

            # Whatever the flags of this build: what is released is optimised.
            asserts.true(env, "-opt" in layer.blob.path, "{} is not built with -c opt".format(layer.blob.path))
    return analysistest.end(env)

image_outputs_test = analysistest.make(
    _image_outputs_test_impl,
    attrs = {"platforms": attr.string_list(doc = "The platforms of the images.")},
)

image_outputs_dbg_test = analysistest.make(
    _image_outputs_test_impl,
    attrs = {"platforms": attr.string_list(doc = "The platforms of the images.")},
    config_settings = {
        "//command_line_option:compilation_mode": "dbg",
        "//command_line_option:stamp": True,
    },
)

def _documents_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    default = target[DefaultInfo].files.to_list()
    asserts.true(env, len(default) >= 4, "the documents are missing")
    asserts.equals(env, [], [file.path for file in default if file.is_directory], "a layout needs layers")
    asserts.equals(env, [], _blobs(default), "no layer is made for the documents")
    layout = target[OutputGroupInfo].layout.to_list()
    asserts.true(env, layout[0].is_directory, "whoever asks for the layout gets it")
    asserts.equals(env, [], _blobs(target[DefaultInfo].default_runfiles.files.to_list()), "Bazel builds runfiles too")
    return analysistest.end(env)

documents_test = analysistest.make(
    _documents_test_impl,
    config_settings = {str(Label("//rules/settings:default_output")): "documents"},
)

def _released_test_impl(ctx):
    env = analysistest.begin(ctx)
    released = analysistest.target_under_test(env)[OutputGroupInfo].released.to_list()
    asserts.true(env, [file for file in released if file.is_directory], "what is released is all of the image")
    return analysistest.end(env)

released_documents_test = analysistest.make(
    _released_test_impl,
    config_settings = {str(Label("//rules/settings:default_output")): "documents"},
)

def _copied_layout_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    layouts = _verbatim_actions(analysistest.target_actions(env), "VerbatimLayout")
    asserts.true(env, "--link=copy" in layouts[0].argv, "layers must be copied")
    asserts.equals(env, target[DefaultInfo].files.to_list(), target[DefaultInfo].default_runfiles.files.to_list())
    return analysistest.end(env)

copied_layout_test = analysistest.make(
    _copied_layout_test_impl,
    config_settings = {str(Label("//rules/settings:layout_links")): "copy"},
)

def _provenance_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    actions = _verbatim_actions(analysistest.target_actions(env), "VerbatimProvenance")
    asserts.equals(env, 1, len(actions), "all statements of a release take one process")
    action = actions[0]
    _check_tool(env, action)
    inputs = action.inputs.to_list()
    names = [file.basename for file in inputs]
    asserts.equals(env, [], _blobs(inputs), "a statement must not get the bytes of layers")
    asserts.equals(env, ctx.attr.stamped, "stable-status.txt" in names, "inputs: {}".format(names))
    asserts.false(env, "volatile-status.txt" in names, "inputs: {}".format(names))
    for name in ctx.attr.inputs:
        asserts.true(env, name in names, "{} is not among {}".format(name, names))
    asserts.equals(env, ctx.attr.outputs, [file.basename for file in target[DefaultInfo].files.to_list()])
    asserts.equals(env, ctx.attr.outputs[:1], [file.basename for file in target[OutputGroupInfo].statement.to_list()])
    asserts.equals(env, ctx.attr.outputs[1:], [file.basename for file in target[OutputGroupInfo].platforms.to_list()])
    for argument in ctx.attr.arguments:
        asserts.true(env, argument in action.argv, "{} is not among {}".format(argument, action.argv))
    tools = [argument for argument in action.argv if argument.startswith("--tool=verbatim=")]
    asserts.equals(env, ["--tool=verbatim=" + action.argv[0]], tools, "the program names itself")
    return analysistest.end(env)

provenance_test = analysistest.make(
    _provenance_test_impl,
    attrs = {
        "arguments": attr.string_list(doc = "What must be among the arguments."),
        "inputs": attr.string_list(doc = "Names of files that must be among the inputs."),
        "outputs": attr.string_list(doc = "The names of the statements, that of the whole release first."),
        "stamped": attr.bool(doc = "Whether the workspace status must be among the inputs."),
    },
)

def _sums_inputs_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    actions = _verbatim_actions(analysistest.target_actions(env), "VerbatimSums")
    asserts.equals(env, 1, len(actions))
    names = [file.basename for file in actions[0].inputs.to_list()]
    asserts.equals(env, ctx.attr.stamped, "stable-status.txt" in names, "inputs: {}".format(names))

    # A volatile key would freeze: Bazel does not run the action again when its value changes.
    asserts.false(env, "volatile-status.txt" in names, "inputs: {}".format(names))
    asserts.equals(env, target.label.name + ".sha256", target[SumsInfo].text.basename)
    asserts.equals(env, target.label.name + ".json", target[SumsInfo].json.basename)
    for argument in ctx.attr.arguments:
        asserts.true(env, argument in actions[0].argv, "{} is not among {}".format(argument, actions[0].argv))
    return analysistest.end(env)

sums_inputs_test = analysistest.make(
    _sums_inputs_test_impl,
    attrs = {
        "arguments": attr.string_list(doc = "What must be among the arguments."),
        "stamped": attr.bool(doc = "Whether the workspace status must be among the inputs."),
    },
)

sums_inputs_stamp_test = analysistest.make(
    _sums_inputs_test_impl,
    attrs = {
        "arguments": attr.string_list(doc = "What must be among the arguments."),
        "stamped": attr.bool(doc = "Whether the workspace status must be among the inputs."),
    },
    config_settings = {"//command_line_option:stamp": True},
)

def _program_arguments_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    written = [
        action
        for action in analysistest.target_actions(env)
        if action.mnemonic == "FileWrite" and action.outputs.to_list()[0].basename == target.label.name.rpartition("/")[2] + ".arguments"
    ]
    asserts.equals(env, 1, len(written))
    arguments = written[0].content.removesuffix("\n").split("\n")
    if ctx.attr.exact:
        asserts.equals(env, ctx.attr.exact, arguments)
    for line in ctx.attr.lines:
        asserts.true(env, [found for found in arguments if line in found], "{} is in none of {}".format(line, arguments))
    runfiles = [file.short_path for file in target[DefaultInfo].default_runfiles.files.to_list()]
    for path in ctx.attr.absent:
        asserts.true(env, not [file for file in runfiles if path in file], "{} is among the runfiles: a push would fetch what the registry has".format(path))
    for path in ctx.attr.present:
        asserts.true(env, [file for file in runfiles if path in file], "{} is not among {}".format(path, runfiles))
    links = target[DefaultInfo].default_runfiles.symlinks.to_list()
    for end, count in ctx.attr.links.items():
        places = [link.path for link in links if link.path.endswith(end)]
        asserts.equals(env, int(count), len(places))
        for place in places:
            asserts.true(env, [found for found in arguments if place in found], "{} is in none of {}".format(place, arguments))
    return analysistest.end(env)

_PROGRAM_ARGUMENTS = {
    "absent": attr.string_list(doc = "What no path of the runfiles may hold."),
    "exact": attr.string_list(doc = "All arguments, one by one."),
    "lines": attr.string_list(doc = "What must be part of an argument."),
    "links": attr.string_dict(doc = "How many places of their own files have whose path ends so; an argument names each of them."),
    "present": attr.string_list(doc = "What a path of the runfiles must hold."),
}

program_arguments_test = analysistest.make(
    _program_arguments_test_impl,
    attrs = _PROGRAM_ARGUMENTS,
)

program_arguments_from_cache_test = analysistest.make(
    _program_arguments_test_impl,
    attrs = _PROGRAM_ARGUMENTS,
    config_settings = {str(Label("//rules/settings:push_from")): "cache"},
)

program_arguments_with_documents_test = analysistest.make(
    _program_arguments_test_impl,
    attrs = _PROGRAM_ARGUMENTS,
    config_settings = {str(Label("//rules/settings:default_output")): "documents"},
)

def _pull_action_test_impl(ctx):
    env = analysistest.begin(ctx)
    actions = _verbatim_actions(analysistest.target_actions(env), "VerbatimPull")
    asserts.equals(env, 1, len(actions))
    for argument in ctx.attr.arguments:
        asserts.true(env, argument in actions[0].argv, "{} is not among {}".format(argument, actions[0].argv))
    return analysistest.end(env)

pull_action_test = analysistest.make(
    _pull_action_test_impl,
    attrs = {"arguments": attr.string_list(doc = "What must be among the arguments.")},
)
