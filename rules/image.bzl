"""OCI images for one platform or several, made here or elsewhere."""

load("//rules/private:image.bzl", _oci_image = "oci_image")
load("//rules/private:import.bzl", _oci_import = "oci_import")
load("//rules/private:index.bzl", _oci_index = "oci_index")

oci_image = _oci_image
oci_import = _oci_import
oci_index = _oci_index
