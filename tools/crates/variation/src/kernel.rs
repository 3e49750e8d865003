//! What the kernel tells a process of its surroundings: the mode of new files, the machine's name, the cores.
//!
//! These are set between fork and exec, so that they hold for Bazel, for the server that it starts
//! and for every action, and for nothing else.

use std::io;
use std::process::{Command, Stdio};

/// The surroundings of a process; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kernel {
    /// The umask.
    pub umask: Option<u32>,
    /// The name of the machine.
    pub host: Option<String>,
    /// The cores that processes may use, by number.
    pub cores: Option<Vec<usize>>,
}

impl Kernel {
    /// Let the command start in these surroundings.
    ///
    /// Starting it fails where the machine does not allow them: try with [`Kernel::works`].
    #[cfg(target_os = "linux")]
    pub(crate) fn surround(&self, command: &mut Command) {
        use std::os::unix::process::CommandExt;

        if *self == Self::default() {
            return;
        }
        let prepared = linux::Prepared::of(self);
        // SAFETY: the closure makes system calls on memory that was prepared before the fork; it
        // neither allocates nor takes a lock.
        unsafe {
            command.pre_exec(move || prepared.apply());
        }
    }

    /// Elsewhere nothing of it is varied.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn surround(&self, _command: &mut Command) {}

    /// Whether this machine lets a process have them.
    pub fn works(&self) -> io::Result<()> {
        if cfg!(not(target_os = "linux")) {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "only Linux can do it",
            ));
        }
        let mut command = Command::new("true");
        self.surround(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(drop)
    }
}

/// The cores that this process may use, by number.
pub fn cores() -> Vec<usize> {
    #[cfg(target_os = "linux")]
    if let Ok(set) = rustix::thread::sched_getaffinity(None) {
        return (0..rustix::thread::CpuSet::MAX_CPU)
            .filter(|core| set.is_set(*core))
            .collect();
    }
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (0..count).collect()
}

/// The umask of this process.
pub fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("Umask:"))?;
    u32::from_str_radix(line.trim(), 8).ok()
}

/// The name of this machine.
pub fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim_end().to_owned())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CStr;
    use std::io;

    use rustix::fs::{Mode, OFlags};
    use rustix::io::Errno;
    use rustix::process::{getgid, getuid};
    use rustix::thread::{CpuSet, UnshareFlags};

    use super::Kernel;

    /// All that is needed after the fork, when no memory may be had.
    pub struct Prepared {
        umask: Option<Mode>,
        host: Option<Vec<u8>>,
        cores: Option<CpuSet>,
        users: Vec<u8>,
        groups: Vec<u8>,
    }

    impl Prepared {
        pub fn of(kernel: &Kernel) -> Self {
            let (user, group) = (getuid().as_raw(), getgid().as_raw());
            Self {
                umask: kernel.umask.map(Mode::from_bits_truncate),
                host: kernel.host.as_ref().map(|name| name.as_bytes().to_vec()),
                cores: kernel.cores.as_ref().map(|cores| {
                    let mut set = CpuSet::new();
                    cores.iter().for_each(|core| set.set(*core));
                    set
                }),
                users: format!("{user} {user} 1").into_bytes(),
                groups: format!("{group} {group} 1").into_bytes(),
            }
        }

        pub fn apply(&self) -> io::Result<()> {
            if let Some(umask) = self.umask {
                rustix::process::umask(umask);
            }
            if let Some(cores) = &self.cores {
                rustix::thread::sched_setaffinity(None, cores)?;
            }
            if let Some(host) = &self.host {
                self.own_host_name()?;
                rustix::system::sethostname(host)?;
            }
            Ok(())
        }

        /// A host name of one's own: for root as it is, for others in a namespace of users.
        fn own_host_name(&self) -> Result<(), Errno> {
            // SAFETY: no files are shared with another thread after a fork, which is what could go wrong.
            match unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUTS) } {
                Err(Errno::PERM) => {}
                other => return other,
            }
            // SAFETY: as above.
            unsafe {
                rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER | UnshareFlags::NEWUTS)?;
            }
            write(c"/proc/self/setgroups", b"deny")?;
            write(c"/proc/self/uid_map", &self.users)?;
            write(c"/proc/self/gid_map", &self.groups)
        }
    }

    fn write(path: &CStr, data: &[u8]) -> Result<(), Errno> {
        let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(&file, data)?;
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn said(kernel: &Kernel, script: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        kernel.surround(&mut command);
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn a_process_sees_the_umask_and_the_cores_it_was_given() {
        let before = umask();
        let kernel = Kernel {
            umask: Some(0o077),
            cores: Some(cores()[..1].to_vec()),
            ..Kernel::default()
        };
        assert_eq!(said(&kernel, "umask"), "0077");
        assert_eq!(
            said(
                &kernel,
                "grep Cpus_allowed_list /proc/self/status | cut -f2"
            ),
            cores()[0].to_string()
        );
        // And this process keeps its own.
        assert_eq!(umask(), before);
    }

    #[test]
    fn a_host_name_is_given_or_refused_and_never_this_machines_own() {
        let kernel = Kernel {
            host: Some("another-machine".to_owned()),
            ..Kernel::default()
        };
        let before = host();
        if kernel.works().is_ok() {
            assert_eq!(
                said(&kernel, "cat /proc/sys/kernel/hostname"),
                "another-machine"
            );
        }
        assert_eq!(host(), before);
    }
}
