"""Wrong attributes and the sentences that they get."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("//rules:attest.bzl", "provenance")
load("//rules:binary.bzl", "release_binary")
load("//rules:image.bzl", "oci_image", "oci_import", "oci_index")
load("//rules:layer.bzl", "binary_layer", "binary_layers", "oci_layer", "tar_layer")
load("//rules:release.bzl", "release")
load("//rules:sbom.bzl", "sbom")
load("//rules:sums.bzl", "container_sums", "file_sums")
load("//rules/private:oci_load.bzl", "load_program")
load("//rules/private:oci_push.bzl", "push_program")
load("//rules/private:sums_verify.bzl", "verify_program")

def _failure_test_impl(ctx):
    env = analysistest.begin(ctx)
    for part in ctx.attr.messages:
        asserts.expect_failure(env, part)
    return analysistest.end(env)

_failure_test = analysistest.make(
    _failure_test_impl,
    attrs = {"messages": attr.string_list()},
    expect_failure = True,
)

_FILE = {"data.txt": "/etc/data.txt"}

# What a statement needs.
_BUILT = {"bazel_version": "7.7.1", "builder": "https://example.com/ci", "source": "https://example.com/app.git", "sums": [":sums"]}

# From a test's name to the rule, its attributes, the attribute that the message
# must name, and a part of the message.
_FAILURES = {
    "binary_layer_mode": (binary_layer, {"binary": ":program", "mode": "rwx"}, "mode", "\"rwx\" is not a mode; write three or four octal digits"),
    "binary_layer_path": (binary_layer, {"binary": ":program", "path": "/a/../b"}, "path", "leaves the image with \"..\""),
    "binary_layer_runfiles_mode": (binary_layer, {"binary": ":program", "runfiles_mode": "0999"}, "runfiles_mode", "is not a mode"),
    "binary_layer_launcher": (binary_layer, {"binary": ":program", "launcher": "/"}, "launcher", "is not a path in the image"),
    "binary_layers_group": (binary_layers, {"binary": ":program", "groups": {"a/b": ["@"]}}, "groups", "\"a/b\" is not the name of a group"),
    "binary_layers_group_of_nothing": (binary_layers, {"binary": ":program", "groups": {"a": ["nothing/**"]}}, "groups", "is in the group \"a\"; correct its patterns, or remove it. There are files of _main"),
    "binary_layers_own_group": (binary_layers, {"binary": ":program", "groups": {"app": ["@"]}}, "groups", "\"app\" is not the name of a group"),
    "binary_layers_runfiles": (binary_layers, {"binary": ":program", "runfiles": "/a/../b"}, "runfiles", "leaves the image with \"..\""),
    "sbom_empty": (sbom, {"srcs": []}, "srcs", "is empty; name what is described"),
    "sbom_many": (sbom, {"srcs": [":two_files"]}, "srcs", "is not one file; name an image"),
    "sbom_platform": (sbom, {"platform": "linux", "srcs": ["data.txt"]}, "platform", "is not a platform"),
    "release_empty": (release, {}, "files", "is missing, and so are `images` and `beside`"),
    "release_no_file": (release, {"files": ":sums"}, "files", "names no file itself"),
    "file_sums_conflict": (file_sums, {"files": {":one_file": "same", "data.txt": "same"}}, "files", "are both published as \"same\"; give one of them another name"),
    "file_sums_empty": (file_sums, {}, "srcs", "is empty, and so are `files` and `deps`"),
    "file_sums_many": (file_sums, {"files": {":two_files": "x"}}, "files", "is not one file"),
    "file_sums_name": (file_sums, {"files": {"data.txt": "/etc/passwd"}}, "files", "is not the name of a published file"),
    "image_annotations_and_file": (oci_image, {"annotations": {"a": "b"}, "annotations_file": "data.txt"}, "annotations", "cannot be used together with `annotations_file`"),
    "image_architecture": (oci_image, {"architecture": "ARM 64"}, "architecture", "\"ARM 64\" is not a word of OCI's platforms; write for example \"arm64\""),
    "image_base": (oci_image, {"base": "data.txt"}, "base", "is not an image with its layers; name an image, or one of other rules that has an OCI layout"),
    "image_base_platform": (oci_image, {"architecture": "s390x", "base": ":index"}, "base", "has no image for linux/s390x, only for linux/amd64, linux/arm64"),
    "image_cmd_and_file": (oci_image, {"cmd": ["a"], "cmd_file": "data.txt"}, "cmd", "cannot be used together with `cmd_file`"),
    "image_created": (oci_image, {"created": "yesterday"}, "created", "\"yesterday\" is not a time"),
    "image_created_and_file": (oci_image, {"created": "0", "created_file": "data.txt"}, "created", "cannot be used together with `created_file`"),
    "image_entrypoint_and_file": (oci_image, {"entrypoint": ["a"], "entrypoint_file": "data.txt"}, "entrypoint", "cannot be used together with `entrypoint_file`"),
    "image_env": (oci_image, {"env": {"A=B": "c"}}, "env", "\"A=B\" is not a name"),
    "image_env_and_file": (oci_image, {"env": {"A": "b"}, "env_file": "data.txt"}, "env", "cannot be used together with `env_file`"),
    "image_exposed_ports": (oci_image, {"exposed_ports": ["http"]}, "exposed_ports", "\"http\" is not a port"),
    "image_exposed_ports_protocol": (oci_image, {"exposed_ports": ["80/icmp"]}, "exposed_ports", "\"80/icmp\" is not a port"),
    "image_exposed_ports_range": (oci_image, {"exposed_ports": ["90-80"]}, "exposed_ports", "\"90-80\" is not a port"),
    "image_exposed_ports_size": (oci_image, {"exposed_ports": ["65536"]}, "exposed_ports", "\"65536\" is not a port"),
    "image_labels": (oci_image, {"labels": {"": "c"}}, "labels", "is not a name"),
    "image_labels_and_file": (oci_image, {"labels": {"A": "b"}, "labels_file": "data.txt"}, "labels", "cannot be used together with `labels_file`"),
    "image_layers": (oci_image, {"layers": ["data.txt"]}, "layers", "is not a layer; make one of it with `tar_layer`"),
    "image_media_types": (oci_image, {"media_types": "oci1"}, "media_types", "\"oci1\" is not known; write one of \"docker\", \"oci\""),
    "image_os": (oci_image, {"os": "Linux"}, "os", "\"Linux\" is not a word of OCI's platforms"),
    "image_platform_without_cpu": (oci_image, {"platform": ":no_cpu"}, "architecture", "no constraint of @platforms//cpu"),
    "image_platform_without_os": (oci_image, {"platform": ":no_os"}, "os", "no constraint of @platforms//os"),
    "image_stop_signal": (oci_image, {"stop_signal": "kill"}, "stop_signal", "\"kill\" is not a signal"),
    "image_variant": (oci_image, {"variant": "V 8"}, "variant", "\"V 8\" is not a word of OCI's platforms"),
    "image_volumes": (oci_image, {"volumes": ["data"]}, "volumes", "\"data\" is not an absolute path"),
    "import_directory_and_more": (oci_import, {"srcs": [":image", "data.txt"]}, "srcs", "name one directory, one archive, or the files of one layout"),
    "import_foreign_file": (oci_import, {"srcs": ["data.txt", "testdata/oci-layout"]}, "srcs", "does not belong to the layout"),
    "import_no_layout": (oci_import, {"srcs": [":two_files"]}, "srcs", "holds 0 files named \"oci-layout\""),
    "index_annotations": (oci_index, {"annotations": {"": "x"}, "images": [":image"]}, "annotations", "is not a name"),
    "index_both": (oci_index, {"image": ":image", "images": [":image"], "platforms": [":amd64"]}, "images", "cannot be used together with `image`"),
    "index_empty": (oci_index, {}, "images", "is empty; name images, or one `image` and its `platforms`"),
    "index_media_types": (oci_index, {"images": [":image"], "media_types": "v2"}, "media_types", "\"v2\" is not known"),
    "index_no_platforms": (oci_index, {"image": ":image"}, "platforms", "is empty, and `image` is to be built for each of them"),
    "index_not_images": (oci_index, {"images": ["data.txt"]}, "images", "is not an image for one platform"),
    "index_platforms_of_images": (oci_index, {"images": [":image"], "platforms": [":amd64"]}, "platforms", "is for `image`"),
    "index_twice": (oci_index, {"images": [":image_amd64", ":other_image_amd64"]}, "images", "are both for linux/amd64; an index has one image for a platform"),
    "index_twice_by_platforms": (oci_index, {"image": ":image", "platforms": [":amd64", ":also_amd64"]}, "platforms", "are both for linux/amd64"),
    "layer_compression": (oci_layer, {"compression": "lzma", "files": _FILE}, "compression", "\"lzma\" is not known; write one of \"gzip\", \"none\", \"zstd\""),
    "layer_conflict": (oci_layer, {"files": {":one_file": "/etc/x", "data.txt": "etc/x"}}, "files", "puts something at \"/etc/x\", where `files` puts"),
    "layer_conflict_of_attributes": (oci_layer, {"files": {"data.txt": "/etc/x"}, "symlinks": {"/etc/x": "y"}}, "symlinks", "puts something at \"/etc/x\", where `files` puts"),
    "layer_conflict_with_binary": (oci_layer, {"binaries": {":program": "/etc/x"}, "files": {"data.txt": "/etc/x"}}, "binaries", "puts something at \"/etc/x\""),
    "layer_directories": (oci_layer, {"directories": ["/a//b"]}, "directories", "has an empty component; write \"/a/b\""),
    "layer_directory_mode": (oci_layer, {"directory_mode": "drwx", "files": _FILE}, "directory_mode", "is not a mode"),
    "layer_empty": (oci_layer, {}, "files", "say what the layer holds"),
    "layer_file_mode": (oci_layer, {"file_mode": "84", "files": _FILE}, "file_mode", "is not a mode"),
    "layer_files_leave": (oci_layer, {"files": {"data.txt": "../etc/x"}}, "files", "leaves the image with \"..\""),
    "layer_files_no_path": (oci_layer, {"files": {"data.txt": ""}}, "files", "is not a path in the image"),
    "layer_files_several": (oci_layer, {"files": {":two_files": "/etc/x"}}, "files", "has 2 files, and \"/etc/x\" is the path of one; end it with \"/\""),
    "layer_level": (oci_layer, {"files": _FILE, "level": 12}, "level", "12 is not a level of gzip; write one from 1 to 9"),
    "layer_level_none": (oci_layer, {"compression": "none", "files": _FILE, "level": 1}, "level", "there is no level without compression"),
    "layer_level_zstd": (oci_layer, {"compression": "zstd", "files": _FILE, "level": 20}, "level", "20 is not a level of zstd; write one from 1 to 19"),
    "layer_line_feed": (oci_layer, {"symlinks": {"/a": "b\nc"}}, "symlinks", "holds a line feed"),
    "layer_modes": (oci_layer, {"files": _FILE, "modes": {"/etc/*": "07777755"}}, "modes", "is not a mode"),
    "layer_modes_glob": (oci_layer, {"files": _FILE, "modes": {"/": "0755"}}, "modes", "matches nothing"),
    "layer_mtime": (oci_layer, {"files": _FILE, "mtime": -1}, "mtime", "lies before 1970"),
    "layer_mtimes": (oci_layer, {"files": _FILE, "mtimes": {"/etc/*": "now"}}, "mtimes", "\"now\" is not a time"),
    "layer_mtree_and_content": (oci_layer, {"mtree": "data.txt", "mtree_content": ["x"]}, "mtree", "cannot be used together with `mtree_content`"),
    "layer_mtree_srcs": (oci_layer, {"files": _FILE, "mtree_srcs": ["data.txt"]}, "mtree_srcs", "add `mtree`, or remove it"),
    "layer_not_executable": (oci_layer, {"binaries": {":two_files": "/usr/bin/x"}}, "binaries", "cannot be executed; use `files` for it"),
    "layer_owner": (oci_layer, {"files": _FILE, "owner": "root"}, "owner", "\"root\" is not an owner; write two numbers"),
    "layer_owners": (oci_layer, {"files": _FILE, "owners": {"/etc/*": "1000"}}, "owners", "\"1000\" is not an owner"),
    "layer_owners_glob": (oci_layer, {"files": _FILE, "owners": {"../*": "1:1"}}, "owners", "leaves the image with \"..\""),
    "layer_prefix": (oci_layer, {"files": _FILE, "prefix": "a/../b"}, "prefix", "leaves the image with \"..\""),
    "layer_renames": (oci_layer, {"files": _FILE, "renames": {"a": "b"}}, "renames", "is about the paths of `srcs`"),
    "layer_renames_to_root": (oci_layer, {"renames": {"/rules/tests/analysis/data.txt": "/"}, "srcs": ["data.txt"]}, "renames", "would lie at the root of the image"),
    "layer_strip_prefix": (oci_layer, {"srcs": ["data.txt"], "strip_prefix": "elsewhere"}, "strip_prefix", "does not lie below \"elsewhere\""),
    "layer_strip_prefix_of_nothing": (oci_layer, {"files": _FILE, "strip_prefix": "x"}, "strip_prefix", "is about the paths of `srcs`"),
    "layer_symlinks": (oci_layer, {"symlinks": {"/a": ""}}, "symlinks", "points nowhere"),
    "layer_xattrs": (oci_layer, {"files": _FILE, "xattrs": {"/etc/*": ["user.a"]}}, "xattrs", "\"user.a\" is not NAME=VALUE"),
    "provenance_commit": (provenance, _BUILT | {"commit": ""}, "commit", "is empty; write a stable key of the workspace status, such as \"{STABLE_GIT_COMMIT}\""),
    "provenance_flag": (provenance, _BUILT | {"bazel_flags": ["//:a"]}, "bazel_flags", "\"//:a\" is not an option"),
    "provenance_line_feed": (provenance, _BUILT | {"targets": ["//:a\nb"]}, "targets", "holds a line feed"),
    "provenance_platform": (provenance, _BUILT | {"platforms": ["amd64"]}, "platforms", "\"amd64\" is not a platform"),
    "provenance_platform_path": (provenance, _BUILT | {"platforms": ["linux/a b"]}, "platforms", "\"linux/a b\" is not a platform"),
    "provenance_platform_twice": (provenance, _BUILT | {"platforms": ["linux/amd64", "linux/amd64"]}, "platforms", "\"linux/amd64\" stands there twice"),
    "provenance_slsa": (provenance, _BUILT | {"slsa": "1"}, "slsa", "\"1\" is not known; write one of \"v0.2\", \"v1\""),
    "provenance_volatile_key": (provenance, _BUILT | {"invocation_id": "{BUILD_TIMESTAMP}"}, "invocation_id", "asks for {BUILD_TIMESTAMP}, which is no stable key of the workspace status"),
    "push_key_twice": (push_program, {"sums": ":sums_of_two_versions"}, "sums", "the key \"VERSION\" stands for \"v2\" and for \"v1\"; push these sums one by one"),
    "push_no_image": (push_program, {"sums": ":released_files"}, "sums", "names no image; name a `container_sums` with `images`"),
    "push_no_layout": (push_program, {"sums": ":sums_without_layout"}, "images", "has no OCI layout to push from"),
    "release_binary_allow": (release_binary, {"allow": [""], "binary": ":program"}, "allow", "holds an empty text"),
    "release_binary_mode": (release_binary, {"binary": ":program", "mode": "u+x"}, "mode", "is not a mode"),
    "release_binary_out": (release_binary, {"binary": ":program", "out": "../x"}, "out", "is not the name of a published file"),
    "release_binary_several": (release_binary, {"binary": ":two_files"}, "binary", "is neither an executable nor one file"),
    "sums_volatile_key": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "stamp": 1, "tag": "v{BUILD_TIMESTAMP}"}, "tag", "\"v{BUILD_TIMESTAMP}\" asks for {BUILD_TIMESTAMP}, which is neither a key of `flags` nor a stable key of the workspace status"),
    "sums_volatile_key_beside_a_stable_one": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "stamp": 1, "tag": "{STABLE_VERSION}-{BUILD_SCM_REVISION}"}, "tag", "asks for {BUILD_SCM_REVISION}"),
    "sums_volatile_key_in_another_case": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "stamp": 1, "tag": "{stable_version}"}, "tag", "asks for {stable_version}"),
    "sums_volatile_key_in_braces": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "stamp": 1, "tag": "{{STABLE_VERSION}}"}, "tag", "opens a brace and does not close it"),
    "sums_volatile_key_in_name": (container_sums, {"images": {":image": "a:{FORMATTED_DATE}"}, "registry": "r.example.com", "stamp": 1}, "images", "print it as STABLE_FORMATTED_DATE"),
    "sums_volatile_key_not_closed": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "stamp": 1, "tag": "{STABLE_VERSION"}, "tag", "opens a brace and does not close it"),
    "sums_volatile_key_like_a_stable_one": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "stamp": 0, "tag": "{BUILD_HOSTNAME}"}, "tag", "asks for {BUILD_HOSTNAME}"),
    "sums_volatile_key_in_prefix": (container_sums, {"images": {":image": "a"}, "prefix": "{GIT_BRANCH}", "registry": "r.example.com", "stamp": 1}, "prefix", "asks for {GIT_BRANCH}"),
    "sums_volatile_key_in_registry": (container_sums, {"images": {":image": "a"}, "registry": "{HOST}", "stamp": 1}, "registry", "asks for {HOST}"),
    "load_no_image": (load_program, {"image": ":two_files", "reference": "a"}, "image", "has 2 files and is no image"),
    "sums_empty": (container_sums, {"registry": "r.example.com"}, "images", "is empty, and so is `deps`"),
    "sums_flags": (container_sums, {"flags": {"data.txt": "X"}, "images": {":image": "a"}, "registry": "r.example.com"}, "flags", "is not a build setting"),
    "sums_flags_key": (container_sums, {"flags": {":flag": "a-b"}, "images": {":image": "a"}, "registry": "r.example.com"}, "flags", "\"a-b\" is not a key"),
    "sums_flags_twice": (container_sums, {"flags": {":flag": "A", ":other_flag": "A"}, "images": {":image": "a"}, "registry": "r.example.com"}, "flags", "two flags fill the key \"A\""),
    "sums_kinds": (container_sums, {"images": {":image": "a"}, "kinds": {"b": "image"}, "registry": "r.example.com"}, "kinds", "\"b\" is not the name of one of the `images`"),
    "sums_kinds_of_image": (container_sums, {"images": {":image": "a"}, "kinds": {"a": "image"}, "registry": "r.example.com"}, "kinds", "is not a layout that can be understood in two ways"),
    "sums_kinds_value": (container_sums, {"images": {":like_rules_oci": "a"}, "kinds": {"a": "list"}, "registry": "r.example.com"}, "kinds", "\"list\" is not known"),
    "sums_name": (container_sums, {"images": {":image": "a@sha256:0"}, "registry": "r.example.com"}, "images", "is not a name; write \"name\" or \"name:tag\""),
    "sums_no_name": (container_sums, {"images": {":image": " "}, "registry": "r.example.com"}, "images", "has no name"),
    "sums_not_an_image": (container_sums, {"images": {":two_files": "a"}, "registry": "r.example.com"}, "images", "has 2 files and is no image"),
    "sums_output_groups": (container_sums, {"images": {":broken_digests": "a"}, "registry": "r.example.com"}, "images", "hold 1 and 0 files, not one each"),
    "sums_registry": (container_sums, {"images": {":image": "a"}}, "registry", "is missing; write a host"),
    "sums_registry_and_file": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "registry_file": "data.txt"}, "registry", "cannot be used together with `registry_file`"),
    "sums_tag_and_file": (container_sums, {"images": {":image": "a"}, "registry": "r.example.com", "tag": "v1", "tag_file": "data.txt"}, "tag", "cannot be used together with `tag_file`"),
    "verify_files_of_images": (verify_program, {"files": "dist", "only": "images", "sums": ":sums"}, "files", "cannot be used together with `only`"),
    "verify_only": (verify_program, {"only": "layers", "sums": ":sums"}, "only", "\"layers\" is not known; write one of \"files\", \"images\""),
    "tar_layer_clamp": (tar_layer, {"clamp_mtime": 1, "mtime": 1, "srcs": ["data.txt"]}, "clamp_mtime", "cannot be used together with `mtime`"),
    "tar_layer_devices": (tar_layer, {"devices": "maybe", "srcs": ["data.txt"]}, "devices", "\"maybe\" is not known; write one of \"keep\", \"reject\""),
    "tar_layer_directory": (tar_layer, {"srcs": [":image"]}, "srcs", "is a directory and not an archive; use `oci_layer` for it"),
    "tar_layer_exclude": (tar_layer, {"exclude": [""], "srcs": ["data.txt"]}, "exclude", "matches nothing"),
    "tar_layer_renames": (tar_layer, {"renames": {"a": ".."}, "srcs": ["data.txt"]}, "renames", "leaves the image with \"..\""),
    "tar_layer_strip": (tar_layer, {"srcs": ["data.txt"], "strip_components": 1, "strip_prefix": "a"}, "strip_components", "cannot be used together with `strip_prefix`"),
    "tar_layer_strip_components": (tar_layer, {"srcs": ["data.txt"], "strip_components": -1}, "strip_components", "-1 is less than nothing"),
}

def failure_tests(name):
    """Declare a test for each wrong attribute.

    Args:
        name: the name of the suite.
    """
    tests = []
    for case, (rule, attributes, attribute, message) in _FAILURES.items():
        rule(
            name = case + "_wrong",
            tags = ["manual"],
            **attributes
        )
        test = case + "_failure_test"
        tests.append(":" + test)
        _failure_test(
            name = test,
            size = "small",
            messages = [
                "//rules/tests/analysis:%s_wrong: attribute `%s`: " % (case, attribute),
                message,
            ],
            target_under_test = ":" + case + "_wrong",
        )
    native.test_suite(
        name = name,
        tests = tests,
    )
