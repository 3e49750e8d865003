"""Images into registries and into the container engine of this machine."""

load("//rules/private:oci_load.bzl", _oci_load = "oci_load")
load("//rules/private:oci_push.bzl", _oci_push = "oci_push")

oci_load = _oci_load
oci_push = _oci_push
