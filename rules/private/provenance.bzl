"""`provenance`: a statement of how a release was built."""

load("//rules/private/providers:sums_info.bzl", "SumsInfo")
load(":checks.bzl", "check_line", "check_one_of", "fail_at", "show")
load(":images.bzl", "is_word")
load(":stamp.bzl", "STAMP_ATTRS", "keys_problem", "status_files")
load(":toolchain.bzl", "TOOLCHAIN_TYPE", "run_verbatim", "verbatim_args", "verbatim_tool")

# From an attribute to the option of the program that takes its value, in which `{KEY}` is replaced.
_KEYED = {
    "bazel_digest": "bazel-digest",
    "bazel_version": "bazel-version",
    "builder": "builder",
    "commit": "commit",
    "invocation_id": "invocation-id",
    "ref": "ref",
    "source": "uri",
    "tree": "tree",
}

def platform_problem(platform):
    """What is wrong with a platform as OCI writes it.

    Args:
        platform: a text.

    Returns:
        A sentence, or None.
    """
    parts = platform.split("/")
    if len(parts) in [2, 3] and not [part for part in parts if not is_word(part)]:
        return None
    return "{} is not a platform; write OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as \"linux/amd64\".".format(repr(platform))

def _provenance_impl(ctx):
    label = ctx.label
    args = verbatim_args(ctx)
    for attribute, option in _KEYED.items():
        value = check_line(label, attribute, getattr(ctx.attr, attribute))
        problem = keys_problem(value, None)
        if problem:
            fail_at(label, attribute, problem)
        if value:
            args.add("--%s=%s" % (option, value))
        elif attribute in ["commit", "tree"]:
            fail_at(label, attribute, "is empty; write a stable key of the workspace status, such as \"{STABLE_GIT_%s}\"." % attribute.upper())
    if ctx.attr.directory:
        args.add("--directory=" + check_line(label, "directory", ctx.attr.directory))
    for target in ctx.attr.targets or [show(target.label) for target in ctx.attr.sums]:
        args.add("--target=" + check_line(label, "targets", target))
    for flag in ctx.attr.bazel_flags:
        if not flag.startswith("-"):
            fail_at(label, "bazel_flags", "{} is not an option; write it with its value in one word, such as \"--config=release\".".format(repr(flag)))
        args.add("--flag=" + check_line(label, "bazel_flags", flag))
    args.add("--slsa=" + check_one_of(label, "slsa", ctx.attr.slsa, ["v0.2", "v1"]))

    # Which program made the release is known here better than anywhere else.
    args.add(verbatim_tool(ctx).executable, format = "--tool=verbatim=%s")
    args.add_all(ctx.files.facts, format_each = "--facts=%s")
    args.add_all([ctx.file.lock] if ctx.file.lock else [], format_each = "--lock=%s")
    status = status_files(ctx)
    args.add_all(status, format_each = "--status=%s")

    statement = ctx.actions.declare_file(label.name + ".json")
    args.add(statement, format = "--output=%s")
    of_platforms = {}
    for platform in ctx.attr.platforms:
        problem = platform_problem(platform)
        if problem:
            fail_at(label, "platforms", problem)
        if platform in of_platforms:
            fail_at(label, "platforms", "{} stands there twice; remove one of them.".format(repr(platform)))
        file = ctx.actions.declare_file("%s.%s.json" % (label.name, platform.replace("/", "-")))
        args.add(file, format = "--platform={}=%s".format(platform))
        of_platforms[platform] = file

    sums = [target[SumsInfo] for target in ctx.attr.sums]
    args.add_all([info.text for info in sums])
    run_verbatim(
        ctx,
        command = ["attest", "provenance"],
        args = [args],
        # The program finds the JSON beside the text.
        inputs = [file for info in sums for file in [info.text, info.json]] + ctx.files.facts + ([ctx.file.lock] if ctx.file.lock else []) + status,
        outputs = [statement] + of_platforms.values(),
        mnemonic = "VerbatimProvenance",
        progress_message = "Stating how %{label} was built",
    )
    return [
        DefaultInfo(files = depset([statement] + of_platforms.values())),
        OutputGroupInfo(
            platforms = depset(of_platforms.values()),
            statement = depset([statement]),
        ),
    ]

provenance = rule(
    implementation = _provenance_impl,
    attrs = STAMP_ATTRS | {
        "bazel_digest": attr.string(
            doc = "The digest of the program that is Bazel, `sha256:` and 64 hexadecimal digits. May hold `{KEY}`.",
        ),
        "bazel_flags": attr.string_list(
            doc = "The options after `bazel build` that the release is built with, in their order, each with its value in one word. What `.bazelrc` in the repository says need not be repeated.",
        ),
        "bazel_version": attr.string(
            doc = "The version of Bazel, as `bazel --version` says it. May hold `{KEY}`.",
            mandatory = True,
        ),
        "builder": attr.string(
            doc = "Who builds: the URI that policies compare. May hold `{KEY}`.",
            mandatory = True,
        ),
        "commit": attr.string(
            doc = "The commit, by its whole hash. May hold `{KEY}`.",
            default = "{STABLE_GIT_COMMIT}",
        ),
        "directory": attr.string(
            doc = "The folder of the workspace in the repository, where it is not the repository itself.",
        ),
        "facts": attr.label_list(
            doc = "Files that say what was fetched, and whether that is all: `verbatim.facts/1`.",
            allow_files = True,
        ),
        "invocation_id": attr.string(
            doc = "The builder's name for this run. May hold `{KEY}`. Without it, the same release has the same statement.",
        ),
        "lock": attr.label(
            doc = "`MODULE.bazel.lock`: its digest, and what it pins by digest.",
            allow_single_file = True,
        ),
        "platforms": attr.string_list(
            doc = "Platforms that have a statement of their own, about the images which the sums have for them: `linux/amd64`.",
        ),
        "ref": attr.string(
            doc = "The tag or branch that is built: `refs/tags/v1`. May hold `{KEY}`.",
        ),
        "slsa": attr.string(
            doc = "The version of SLSA's provenance: `v1`, or `v0.2` for readers that know nothing newer.",
            default = "v1",
        ),
        "source": attr.string(
            doc = "The address of the git repository: `https://HOST/PATH`, or `http` or `ssh`. May hold `{KEY}`.",
            mandatory = True,
        ),
        "stamp": attr.int(
            doc = "Whether `{KEY}` may name a stable key of the workspace status (`STABLE_...` of `--workspace_status_command`): 1 always, 0 never, -1 with the flag `--stamp`. " +
                  "A statement names a commit, so it is 1 where nothing else is said.",
            default = 1,
            values = [-1, 0, 1],
        ),
        "sums": attr.label_list(
            doc = "What the statement is about: targets of `container_sums` and `file_sums`.",
            allow_empty = False,
            mandatory = True,
            providers = [SumsInfo],
        ),
        "targets": attr.string_list(
            doc = "The targets to build for the same sums, by their full labels; those of `sums` where nothing is said.",
        ),
        "tree": attr.string(
            doc = "The tree of the commit, by its whole hash. May hold `{KEY}`.",
            default = "{STABLE_GIT_TREE}",
        ),
    },
    doc = """How a release was built, as a statement to be signed: in-toto, with SLSA provenance.

`<name>.json` is about the images and files of `sums`, under the names that they have there. For each of `platforms` there is one more,
`<name>.linux-amd64.json`, about the images for that platform alone. They say which commit was built, with which Bazel, for which targets and with which
flags, and what was fetched; `docs/build-type-bazel.md` says field by field what stands where, and how to rebuild from it.

```starlark
provenance(
    name = "provenance",
    bazel_flags = ["--config=release"],
    bazel_version = "7.7.1",
    builder = "https://example.com/ci/release",
    lock = "//:MODULE.bazel.lock",
    platforms = ["linux/amd64", "linux/arm64"],
    source = "https://example.com/acme/app.git",
    sums = [":container_sums", ":file_sums"],
)
```

Commit and tree come from the workspace status: let `--workspace_status_command` print `STABLE_GIT_COMMIT` (`git rev-parse HEAD`) and `STABLE_GIT_TREE`
(`git rev-parse HEAD^{tree}`), and print nothing where the checkout was changed. The statement is signed outside of the build, where the key is: `verbatim attest sign`.

Images and files are not read. Output groups: `statement`, `platforms`.
""",
    toolchains = [TOOLCHAIN_TYPE],
)
