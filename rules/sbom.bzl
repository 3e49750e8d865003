"""What images, programs and locks are made of."""

load("//rules/private:sbom.bzl", _sbom = "sbom")

sbom = _sbom
