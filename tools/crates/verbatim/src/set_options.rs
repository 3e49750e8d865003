//! Attributes of entries by path, as options.

use anyhow::anyhow;
use verbatim_archive::{Glob, Overrides, Set};
use verbatim_requests::{mode, xattr_value};

/// Attributes by path.
#[derive(Debug, clap::Args)]
pub struct SetOptions {
    /// Set the permissions of all paths that a glob matches (`*` within a part, `**` across parts).
    #[arg(long, value_name = "GLOB=MODE")]
    set_mode: Vec<String>,
    /// Set owner and group of all paths that a glob matches.
    #[arg(long, value_name = "GLOB=UID:GID")]
    set_owner: Vec<String>,
    /// Set an extended attribute on all paths that a glob matches; the value is text, or `base64:` and bytes.
    #[arg(long, value_name = "GLOB=NAME=VALUE")]
    set_xattr: Vec<String>,
    /// Set the time of all paths that a glob matches, in seconds since 1970.
    #[arg(long, value_name = "GLOB=SECONDS")]
    set_mtime: Vec<String>,
}

/// `UID:GID` as numbers.
pub fn owner(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())
            .flatten()
    };
    text.split_once(':')
        .and_then(|(uid, gid)| Some((number(uid)?, number(gid)?)))
        .ok_or_else(|| "give owner and group as numbers, 1000:1000 for example".into())
}

impl SetOptions {
    /// The rules in the order mode, owner, xattr, time; within each in the order given.
    pub fn overrides(&self) -> anyhow::Result<Overrides> {
        let mut overrides = Overrides::default();
        let mut add = |flag: &str, text: &str, glob: &str, set: Result<Set, String>| {
            let set = set.map_err(|problem| anyhow!("{flag}={text}: {problem}"))?;
            overrides.push(Glob::new(glob, flag)?, set);
            anyhow::Ok(())
        };
        let split = |flag: &str, text: &str| {
            text.rsplit_once('=')
                .map(|(glob, value)| (glob.to_owned(), value.to_owned()))
                .ok_or_else(|| anyhow!("{flag}={text}: write a glob, `=` and a value"))
        };
        for text in &self.set_mode {
            let (glob, value) = split("--set-mode", text)?;
            add("--set-mode", text, &glob, mode(&value).map(Set::Mode))?;
        }
        for text in &self.set_owner {
            let (glob, value) = split("--set-owner", text)?;
            let set = owner(&value).map(|(uid, gid)| Set::Owner(uid, gid));
            add("--set-owner", text, &glob, set)?;
        }
        for text in &self.set_xattr {
            let flag = "--set-xattr";
            let (glob, name, value) = text
                .split_once('=')
                .and_then(|(glob, rest)| {
                    let (name, value) = rest.split_once('=')?;
                    Some((glob, name, value))
                })
                .ok_or_else(|| {
                    anyhow!("{flag}={text}: write a glob, `=`, a name, `=` and a value")
                })?;
            let set = xattr_value(value).map(|value| Set::Xattr(name.as_bytes().to_vec(), value));
            add(flag, text, glob, set)?;
        }
        for text in &self.set_mtime {
            let (glob, value) = split("--set-mtime", text)?;
            let set = value
                .parse()
                .map(Set::Mtime)
                .map_err(|_| "give seconds since 1970".to_owned());
            add("--set-mtime", text, &glob, set)?;
        }
        Ok(overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::owner;

    #[test]
    fn owners() {
        assert_eq!(owner("1:2").unwrap(), (1, 2));
        for bad in ["", "1", "a:b", "1:", "-1:0", "1:2:3", "+1:2"] {
            assert!(owner(bad).is_err(), "{bad}");
        }
    }
}
