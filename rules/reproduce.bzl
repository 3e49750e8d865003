"""The test that a target is the same however it is built."""

load("//rules/private:reproducible_test.bzl", _reproducible_test = "reproducible_test")

reproducible_test = _reproducible_test
