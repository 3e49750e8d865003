"""What `reproducible_test` says of wrong lists, and what it hands to the program."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts", "unittest")
load("//rules/private:reproducible_test.bzl", "problem_with")

def _problems_test_impl(ctx):
    env = unittest.begin(ctx)
    for lists, part in [
        ((["opt", "fast"], [], []), "there is no mode \"fast\"; there are dbg, fastbuild, opt."),
        ((["opt", "opt"], [], []), "`compilation_modes`: \"opt\" stands there twice"),
        (([], [":a", ":a"], []), "`platforms`: \":a\" stands there twice"),
        (([], [], []), "it takes two configurations"),
        ((["opt"], [":a"], [":b"]), "it takes two configurations"),
    ]:
        problem = problem_with(*lists) or "nothing"
        asserts.true(env, part in problem, "{}: {}".format(lists, problem))
    for lists in [(["opt", "dbg"], [], []), (["opt"], [":a", ":b"], []), ([], [], [":a", ":b"])]:
        asserts.equals(env, None, problem_with(*lists))
    return unittest.end(env)

problems_test = unittest.make(_problems_test_impl)

def _variants_listed_test_impl(ctx):
    env = analysistest.begin(ctx)
    actions = [action for action in analysistest.target_actions(env) if action.mnemonic == "FileWrite"]
    listed = json.decode([action.content for action in actions if action.content.startswith("{")][0])
    package = ctx.label.package
    asserts.equals(env, "//{}:steady".format(package), listed["target"].lstrip("@"))
    names = sorted([name.replace("@@", "").replace("@", "") for name in listed["variants"].keys()])
    asserts.equals(
        env,
        ["{}, //{}:{}".format(mode, package, platform) for mode in ["dbg", "opt"] for platform in ["amd64", "arm64"]],
        names,
    )

    # Each file has a path of its own among the runfiles, which the program finds it by.
    paths = [path for files in listed["variants"].values() for path in files.values()]
    links = [link.path for link in analysistest.target_under_test(env)[DefaultInfo].default_runfiles.symlinks.to_list()]
    asserts.equals(env, sorted(links), sorted(paths))
    return analysistest.end(env)

variants_listed_test = analysistest.make(_variants_listed_test_impl)

def _no_files_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, "nothing has no files to compare")
    return analysistest.end(env)

no_files_test = analysistest.make(_no_files_test_impl, expect_failure = True)

def _without_files_impl(_ctx):
    return [DefaultInfo()]

without_files = rule(
    implementation = _without_files_impl,
    doc = "A target without files.",
)
