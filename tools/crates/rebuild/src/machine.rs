//! The machine that builds.

use verbatim_oci::Platform;

/// What can be built for here: this machine's own platform.
pub fn platform() -> Platform {
    Platform::new("linux", std::env::consts::ARCH, None).normalized()
}

/// What `uname -m` says.
pub fn name() -> String {
    rustix::system::uname()
        .machine()
        .to_string_lossy()
        .into_owned()
}
