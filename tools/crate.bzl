"""One Cargo crate of this workspace as Bazel targets."""

load("@rules_rust//rust:defs.bzl", "rust_library", "rust_test")
load("@verbatim_crates//:defs.bzl", "aliases", "all_crate_deps")

# A test's own code runs once: it is optimised a little. What it tests is a library, and
# optimised as in the release.
TEST_FLAGS = ["-Copt-level=1", "-Clto=off"]

# A crate is compiled in parts side by side, which the compiler then optimises once more together:
# a good third of the time, and half of it for the program itself. Measured, nothing gains by it but
# the crates through whose loops bytes go, and these are as fast when they are one part from the start.
# tools/Cargo.toml says the same to Cargo, MODULE.bazel to the crates that come from the registry.
LOOPS = ["archive", "digest", "formats", "normalize", "reader"]
LOOP_FLAGS = ["-Clto=off", "-Ccodegen-units=1"]
PARTS_FLAGS = ["-Clto=off"]

def verbatim_crate(name, deps = []):
    """Declare the library of the crate in this package, its unit tests and its integration tests.

    What comes from the registry is read out of the crate's Cargo.toml; only
    crates of this workspace are named in the BUILD file.

    Args:
        name: the folder's name; the library is `verbatim_<name>`, as in Cargo.
        deps: libraries of this workspace.
    """
    fixtures = native.glob(
        ["tests/**", "testdata/**", "src/**"],
        exclude = ["src/**/*.rs", "tests/*.rs"],
        allow_empty = True,
    )

    rust_library(
        name = name,
        srcs = native.glob(["src/**/*.rs"]),
        aliases = aliases(),
        compile_data = fixtures,
        crate_name = "verbatim_" + name,
        edition = "2021",
        proc_macro_deps = all_crate_deps(proc_macro = True),
        rustc_flags = LOOP_FLAGS if name in LOOPS else PARTS_FLAGS,
        visibility = ["//visibility:public"],
        deps = deps + all_crate_deps(normal = True),
    )

    rust_test(
        name = name + "_test",
        size = "small",
        aliases = aliases(normal_dev = True, proc_macro_dev = True),
        crate = ":" + name,
        data = fixtures,
        edition = "2021",
        proc_macro_deps = all_crate_deps(proc_macro_dev = True),
        rustc_flags = TEST_FLAGS,
        deps = all_crate_deps(normal_dev = True),
    )
    tests = [":" + name + "_test"]

    # What starts registries and clients of other projects is run by Cargo in the Debian root (.ci/run).
    for source in native.glob(["tests/*.rs"], allow_empty = True, exclude = ["tests/real_*.rs"]):
        test = name + "_" + source[len("tests/"):-len(".rs")] + "_test"
        tests.append(":" + test)
        rust_test(
            name = test,
            size = "medium",
            srcs = [source],
            aliases = aliases(
                normal = True,
                normal_dev = True,
                proc_macro = True,
                proc_macro_dev = True,
            ),
            compile_data = fixtures,
            crate_root = source,
            data = fixtures,
            edition = "2021",
            proc_macro_deps = all_crate_deps(
                proc_macro = True,
                proc_macro_dev = True,
            ),
            rustc_flags = TEST_FLAGS,
            deps = [":" + name] + deps + all_crate_deps(
                normal = True,
                normal_dev = True,
            ),
        )

    native.test_suite(
        name = "tests",
        tests = tests,
        visibility = ["//:__subpackages__"],
    )
