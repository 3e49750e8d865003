"""Statements about a release, to be signed."""

load("//rules/private:provenance.bzl", _provenance = "provenance")

provenance = _provenance
