//! The few messages that are needed of REAPI and of ByteStream, with the numbers of their fields.
//!
//! Source: `build/bazel/remote/execution/v2/remote_execution.proto` of REAPI (version 2.12, as of
//! April 2026) and `google/bytestream/bytestream.proto`. What is not read is not declared: it is
//! skipped, as protobuf has it. Enumerations are numbers here, for a server may know more of them.

use bytes::Bytes;
use verbatim_digest::Digest;

/// `DigestFunction.Value`, by its names; the place is the number.
pub(crate) const DIGEST_FUNCTIONS: [&str; 11] = [
    "UNKNOWN",
    "SHA256",
    "SHA1",
    "MD5",
    "VSO",
    "SHA384",
    "SHA512",
    "MURMUR3",
    "SHA256TREE",
    "BLAKE3",
    "GITSHA1",
];
/// `DigestFunction.Value.SHA256`
pub(crate) const SHA256: i32 = 1;
/// `Compressor.Value.ZSTD`
pub(crate) const ZSTD: i32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BlobDigest {
    /// In hexadecimal.
    #[prost(string, tag = "1")]
    pub(crate) hash: String,
    #[prost(int64, tag = "2")]
    pub(crate) size_bytes: i64,
}

impl BlobDigest {
    pub(crate) fn new(digest: &Digest, size: u64) -> Self {
        Self {
            hash: digest.hex(),
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GetCapabilitiesRequest {
    #[prost(string, tag = "1")]
    pub(crate) instance_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ServerCapabilities {
    #[prost(message, optional, tag = "1")]
    pub(crate) cache_capabilities: Option<CacheCapabilities>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CacheCapabilities {
    #[prost(int32, repeated, tag = "1")]
    pub(crate) digest_functions: Vec<i32>,
    #[prost(int32, repeated, tag = "6")]
    pub(crate) supported_compressors: Vec<i32>,
    #[prost(bool, tag = "9")]
    pub(crate) split_blob_support: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FindMissingBlobsRequest {
    #[prost(string, tag = "1")]
    pub(crate) instance_name: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) blob_digests: Vec<BlobDigest>,
    #[prost(int32, tag = "3")]
    pub(crate) digest_function: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FindMissingBlobsResponse {
    #[prost(message, repeated, tag = "2")]
    pub(crate) missing_blob_digests: Vec<BlobDigest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SplitBlobRequest {
    #[prost(string, tag = "1")]
    pub(crate) instance_name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) blob_digest: Option<BlobDigest>,
    #[prost(int32, tag = "3")]
    pub(crate) digest_function: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SplitBlobResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) chunk_digests: Vec<BlobDigest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadRequest {
    #[prost(string, tag = "1")]
    pub(crate) resource_name: String,
    /// Of compressed blobs too it counts uncompressed bytes.
    #[prost(int64, tag = "2")]
    pub(crate) read_offset: i64,
    /// None, where it is 0.
    #[prost(int64, tag = "3")]
    pub(crate) read_limit: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadResponse {
    #[prost(bytes = "bytes", tag = "10")]
    pub(crate) data: Bytes,
}
