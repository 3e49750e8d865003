//! The package managers that are run, and how.

use verbatim_packages::manifest::PackageFormat;
use verbatim_packages::{Error, Result};

/// What is left out of what they make: devices and other file systems, and what a container's engine
/// makes anew.
pub(crate) const LEFT_OUT: [&str; 6] = [
    "dev/*",
    "proc/*",
    "sys/*",
    "run/dnf",
    "etc/hostname",
    "etc/resolv.conf",
];

/// Where things lie in the sandbox.
pub(crate) const PACKAGES: &str = "/run/packages";
pub(crate) const WORK: &str = "/run/work";
/// What the script leaves in the folder [`WORK`].
pub(crate) const ARCHIVE: &str = "out.tar";

/// A package manager that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    /// dnf5, into a root of its own.
    Dnf,
    /// mmdebstrap, which calls apt and dpkg.
    Mmdebstrap,
}

impl Manager {
    /// That of a format.
    pub(crate) fn of(format: PackageFormat) -> Result<Self> {
        match format {
            PackageFormat::Deb => Ok(Self::Mmdebstrap),
            PackageFormat::Rpm => Ok(Self::Dnf),
            PackageFormat::Apk => Err(Error::wrong(
                "scripts of apk's packages are not run; install without scripts, and bring what they do as a layer of your own",
            )),
        }
    }

    /// What it needs of the root file system with its programs.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Dnf => &["dnf5", "tar", "find", "sh"],
            Self::Mmdebstrap => &["mmdebstrap", "dpkg-deb", "sha256sum", "stat", "sh"],
        }
    }

    /// What the package with this number is called in the folder [`PACKAGES`].
    pub(crate) fn file_name(self, number: usize) -> String {
        match self {
            Self::Dnf => format!("{number:05}.rpm"),
            Self::Mmdebstrap => format!("{number:05}.deb"),
        }
    }

    /// The script that installs packages of these names, which are words without a meaning in a shell.
    pub(crate) fn script(self, names: &[&str], architecture: &str) -> String {
        match self {
            // rpm's own sandbox needs privileges that there are none of here.
            Self::Dnf => format!(
                "set -e
root={WORK}/root
trap 'find $root -xdev -depth -mindepth 1 -delete 2>/dev/null || :' EXIT
printf '%%_dbpath /usr/lib/sysimage/rpm\\n%%_netsharedpath /dev:/proc\\n%%__transaction_unshare %%{{nil}}\\n' >$HOME/.rpmmacros
dnf5 -y --quiet --installroot=$root --forcearch={architecture} --releasever=0 \\
  --setopt=reposdir=/nonexistent --setopt=cachedir={WORK}/cache --setopt=logdir={WORK} --setopt=plugins=0 \\
  --setopt=install_weak_deps=0 --setopt=pkg_gpgcheck=0 install {PACKAGES}/*.rpm
[ -e $root/var/lib/rpm ] || {{ mkdir -p $root/var/lib; ln -s ../../usr/lib/sysimage/rpm $root/var/lib/rpm; }}
tar --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*' --exclude='./proc/*' -C $root -cf {WORK}/{ARCHIVE} .
"
            ),
            Self::Mmdebstrap => format!(
                "set -e
repository={WORK}/repository
mkdir $repository
ln -s {PACKAGES} $repository/packages
cd $repository
for file in packages/*.deb; do
  dpkg-deb --field $file
  printf 'Filename: %s\\nSize: %s\\nSHA256: %s\\n\\n' $file $(stat -c %s $file) $(sha256sum $file | cut -d ' ' -f 1)
done >Packages
mmdebstrap --quiet --mode=root --variant=custom --format=tar --architectures={architecture} \\
  --include={} --skip=check/qemu,chroot/mount stable {WORK}/{ARCHIVE} \"deb [trusted=yes] copy:$repository ./\"
",
                names.join(",")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_name_all_packages() {
        assert!(Manager::of(PackageFormat::Apk).is_err());
        let script = Manager::Mmdebstrap.script(&["base-files", "g++"], "amd64");
        assert!(script.contains("--include=base-files,g++ "), "{script}");
        assert!(script.contains("--architectures=amd64 "), "{script}");
        assert_eq!(Manager::Dnf.file_name(7), "00007.rpm");
        let script = Manager::Dnf.script(&[], "x86_64");
        assert!(
            script.contains("%%__transaction_unshare %%{nil}"),
            "{script}"
        );
    }
}
