//! Capabilities of files: from the text in a package to the attribute that the kernel reads.
//!
//! The text is that of cap_from_text(3), the attribute `security.capability` in its second
//! version (`struct vfs_cap_data` of `linux/capability.h`).

/// The capabilities by their numbers (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];
const ALL: u64 = (1 << NAMES.len()) - 1;
const VERSION: u32 = 0x0200_0000;
const EFFECTIVE: u32 = 1;

/// The three sets of capabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sets {
    effective: u64,
    inheritable: u64,
    permitted: u64,
}

impl Sets {
    fn named(&mut self, letter: char) -> Option<&mut u64> {
        Some(match letter {
            'e' => &mut self.effective,
            'i' => &mut self.inheritable,
            'p' => &mut self.permitted,
            _ => return None,
        })
    }
}

/// The attribute for a text; `None` if the text is none. One that gives nothing is an attribute too:
/// rpm sets it, and looks for it.
pub(super) fn attribute(text: &[u8]) -> Option<Vec<u8>> {
    let sets = parse(std::str::from_utf8(text).ok()?)?;
    let flags = match sets.effective {
        0 => VERSION,
        // A file has one bit for all of them: what is permitted or inheritable is effective.
        effective if effective == sets.permitted | sets.inheritable => VERSION | EFFECTIVE,
        _ => return None,
    };
    let words = [
        flags,
        sets.permitted as u32,
        sets.inheritable as u32,
        (sets.permitted >> 32) as u32,
        (sets.inheritable >> 32) as u32,
    ];
    Some(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

fn parse(text: &str) -> Option<Sets> {
    let mut sets = Sets::default();
    for clause in text.split_ascii_whitespace() {
        let (names, actions) = clause.split_at(clause.find(['=', '+', '-'])?);
        let which = match names {
            "" if actions.starts_with('=') => ALL,
            names => names
                .split(',')
                .try_fold(0, |which, name| Some(which | named(name)?))?,
        };
        let mut operator = None;
        for letter in actions.chars() {
            if matches!(letter, '=' | '+' | '-') {
                if letter == '=' {
                    for set in [
                        &mut sets.effective,
                        &mut sets.inheritable,
                        &mut sets.permitted,
                    ] {
                        *set &= !which;
                    }
                }
                operator = Some(letter);
                continue;
            }
            let set = sets.named(letter)?;
            match operator? {
                '-' => *set &= !which,
                _ => *set |= which,
            }
        }
    }
    Some(sets)
}

fn named(name: &str) -> Option<u64> {
    let name = name.to_ascii_lowercase();
    if name == "all" {
        return Some(ALL);
    }
    let short = name.strip_prefix("cap_")?;
    let number = NAMES.iter().position(|&known| known == short)?;
    Some(1 << number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_attributes() {
        let hex = |text: &str| verbatim_digest::hex(&attribute(text.as_bytes()).unwrap());
        assert_eq!(
            hex("cap_net_raw=ep"),
            "0100000200200000000000000000000000000000"
        );
        assert_eq!(
            hex("cap_net_admin,cap_net_raw+p"),
            "0000000200300000000000000000000000000000"
        );
        assert_eq!(
            hex("= cap_bpf+ei"),
            "0100000200000000000000000000000080000000"
        );
        assert_eq!(hex("="), "0000000200000000000000000000000000000000");
    }

    #[test]
    fn what_is_none() {
        for text in [
            "net_raw=ep",
            "cap_nothing=ep",
            "cap_net_raw",
            "cap_net_raw=x",
            "cap_kill=e",
            "+ep",
        ] {
            assert_eq!(attribute(text.as_bytes()), None, "{text}");
        }
    }
}
