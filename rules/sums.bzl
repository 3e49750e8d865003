"""The digests of a release, and the test that they are what was checked in."""

load("//rules/private:container_sums.bzl", _container_sums = "container_sums")
load("//rules/private:file_sums.bzl", _file_sums = "file_sums")
load("//rules/private:sums_test.bzl", _sums_test = "sums_test")

container_sums = _container_sums
file_sums = _file_sums
sums_test = _sums_test
