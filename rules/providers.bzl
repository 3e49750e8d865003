"""Providers of rules_verbatim. They carry Files, never contents or paths."""

load("//rules/private/providers:locked_packages_info.bzl", _LockedPackagesInfo = "LockedPackagesInfo")
load("//rules/private/providers:oci_image_info.bzl", _OciImageInfo = "OciImageInfo")
load("//rules/private/providers:oci_index_info.bzl", _OciIndexInfo = "OciIndexInfo")
load("//rules/private/providers:oci_layer_info.bzl", _OciLayerInfo = "OciLayerInfo")
load("//rules/private/providers:oci_layers_info.bzl", _OciLayersInfo = "OciLayersInfo")
load("//rules/private/providers:published_images_info.bzl", _PublishedImageInfo = "PublishedImageInfo", _PublishedImagesInfo = "PublishedImagesInfo")
load("//rules/private/providers:release_file_info.bzl", _ReleaseFileInfo = "ReleaseFileInfo", _ReleaseFilesInfo = "ReleaseFilesInfo")
load("//rules/private/providers:runfiles_groups_info.bzl", _RunfilesGroupsInfo = "RunfilesGroupsInfo")
load("//rules/private/providers:sums_info.bzl", _SumsInfo = "SumsInfo")
load("//rules/private/providers:verbatim_toolchain_info.bzl", _VerbatimToolchainInfo = "VerbatimToolchainInfo")

LockedPackagesInfo = _LockedPackagesInfo
OciImageInfo = _OciImageInfo
OciIndexInfo = _OciIndexInfo
OciLayerInfo = _OciLayerInfo
OciLayersInfo = _OciLayersInfo
PublishedImageInfo = _PublishedImageInfo
PublishedImagesInfo = _PublishedImagesInfo
ReleaseFileInfo = _ReleaseFileInfo
ReleaseFilesInfo = _ReleaseFilesInfo
RunfilesGroupsInfo = _RunfilesGroupsInfo
SumsInfo = _SumsInfo
VerbatimToolchainInfo = _VerbatimToolchainInfo
