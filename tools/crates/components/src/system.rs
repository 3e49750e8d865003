//! Which distribution a root file system is of (`os-release`(5)).

use crate::root::Root;
use crate::Result;
use verbatim_naming::Purl;

/// Where it says so, the first one that is there.
const FILES: [&[u8]; 2] = [b"etc/os-release", b"usr/lib/os-release"];
const LARGEST: u64 = 64 << 10;

/// A distribution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct System {
    /// `ID`, in lower case: `debian`, `rhel`.
    pub id: String,
    /// `VERSION_ID`.
    pub version: Option<String>,
}

impl System {
    pub(crate) fn of(root: &Root<'_>) -> Result<Option<Self>> {
        for path in FILES {
            if let Some(Ok(data)) = root.bytes(path, LARGEST)? {
                let system = Self::parse(&String::from_utf8_lossy(&data));
                return Ok(Some(system).filter(|system| !system.id.is_empty()));
            }
        }
        Ok(None)
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            let value = line.trim();
            let quoted = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
            let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
            Some(value.to_owned()).filter(|value| !value.is_empty())
        };
        Self {
            id: field("ID").unwrap_or_default().to_ascii_lowercase(),
            version: field("VERSION_ID"),
        }
    }

    /// The qualifier `distro` of package URLs.
    fn distro(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.id),
            None => self.id.clone(),
        }
    }

    /// The package URL of one of its packages: `usual` is the namespace where it is not known.
    pub(crate) fn purl(
        system: Option<&Self>,
        kind: &'static str,
        usual: &str,
        name: &str,
        version: &str,
        architecture: Option<&str>,
    ) -> Purl {
        let namespace = match system.map(|system| &*system.id) {
            // The name of the vendor, not of the product.
            Some("rhel") => "redhat",
            Some(id) => id,
            None => usual,
        };
        Purl::new(kind, namespace, name)
            .version(version)
            .with("arch", architecture.unwrap_or_default())
            .with("distro", &system.map(Self::distro).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_not() {
        let system = |text: &str| {
            let system = System::parse(text);
            (system.id.clone(), system.version.clone(), system.distro())
        };
        let debian = "PRETTY_NAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n";
        let (id, version, distro) = system(debian);
        assert_eq!(
            (&*id, version.as_deref(), &*distro),
            ("debian", Some("12"), "debian-12")
        );
        let (id, version, distro) = system("ID='Arch'\nVERSION_ID=\n");
        assert_eq!((&*id, version, &*distro), ("arch", None, "arch"));
        assert_eq!(system("\n").0, "");
    }
}
