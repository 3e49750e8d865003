"""The digests of a release, the test that they are what was checked in, and the check of what is served."""

load("//rules/private:container_sums.bzl", _container_sums = "container_sums")
load("//rules/private:file_sums.bzl", _file_sums = "file_sums")
load("//rules/private:sums_test.bzl", _sums_test = "sums_test")
load("//rules/private:sums_verify.bzl", _sums_verify = "sums_verify")

container_sums = _container_sums
file_sums = _file_sums
sums_test = _sums_test
sums_verify = _sums_verify
