//! Databases and lists of installed packages: dpkg, opkg, apk, and lists of names and versions.

use std::collections::{BTreeMap, HashMap};

use crate::collect::Findings;
use crate::words::is_version;
use crate::{text, Cause, Comparison};

/// What starts a package in the lock files of Cargo, Poetry and uv.
const LOCKED: &str = "[[package]]";

/// What a database says of one package.
#[derive(Debug, PartialEq, Eq)]
struct Package<'a> {
    version: &'a str,
    /// All lines, in the order of the file.
    lines: Vec<&'a str>,
}

type Packages<'a> = BTreeMap<String, Package<'a>>;

/// Compare two databases that differ; `None` if the files are none.
pub(crate) fn compare(name: &str, left: &[u8], right: &[u8]) -> Option<Comparison> {
    let (l, r) = (
        std::str::from_utf8(left).ok()?,
        std::str::from_utf8(right).ok()?,
    );
    let file = name.rsplit('/').next().unwrap_or("");
    let parent = name.rsplit('/').nth(1).unwrap_or("");
    let stanzas = matches!(
        file,
        "status" | "status-old" | "available" | "Packages" | "installed"
    ) || matches!(parent, "status.d" | "lists")
        || file.ends_with("_Packages");
    // Both may be empty of packages, but one has to have some.
    let (a, b, format) = if stanzas && (is_dpkg(l) || is_dpkg(r)) {
        (dpkg(l)?, dpkg(r)?, "packages")
    } else if file == "installed" && (is_apk(l) || is_apk(r)) {
        (apk(l)?, apk(r)?, "packages")
    } else if file.ends_with(".lock") && l.contains(LOCKED) && r.contains(LOCKED) {
        let (a, b) = (locked(l)?, locked(r)?);
        // What differs in packages of one version is no other version: the lines tell it.
        let same = |(name, x): (&String, &Package<'_>)| {
            b.get(name)
                .is_none_or(|y| x.version != y.version || x.lines == y.lines)
        };
        if !a.iter().all(same) {
            return None;
        }
        (a, b, "package-list")
    } else {
        (list(file, l)?, list(file, r)?, "package-list")
    };
    if a.is_empty() && b.is_empty() {
        return None;
    }
    let mut comparison = text::compare(left, right)?;
    let mut findings = Findings::default();
    versions(&a, &b, &mut findings);
    if format == "packages" {
        entries(&a, &b, &mut findings);
    }
    if findings.is_empty() {
        if format == "package-list" {
            // Another order, or white space: the text says so.
            return None;
        }
        findings.add(Cause::PackageDatabase, String::new, || {
            format!(
                "the same {} packages with the same fields, in another order or with other white space",
                a.len()
            )
        });
    }
    comparison.format = format;
    comparison.findings = findings.finish();
    Some(comparison)
}

/// Packages that only one side has, or that have another version.
fn versions(l: &Packages<'_>, r: &Packages<'_>, findings: &mut Findings) {
    let at = |name: &str| {
        let name = name.to_owned();
        move || name
    };
    for (name, a) in l {
        match r.get(name) {
            None => findings.add(Cause::PackageChange, at(name), || {
                format!("{name} {} is only on the left side", a.version)
            }),
            Some(b) if a.version != b.version => {
                findings.add(Cause::PackageChange, at(name), || {
                    format!("{name} {} → {}", a.version, b.version)
                })
            }
            Some(_) => {}
        }
    }
    for (name, b) in r.iter().filter(|(name, _)| !l.contains_key(*name)) {
        findings.add(Cause::PackageChange, at(name), || {
            format!("{name} {} is only on the right side", b.version)
        });
    }
}

/// Packages of one version that the databases speak of in other words.
fn entries(l: &Packages<'_>, r: &Packages<'_>, findings: &mut Findings) {
    for (name, a) in l {
        let Some(b) = r.get(name) else { continue };
        if a.version != b.version || a.lines == b.lines {
            continue;
        }
        let sorted = |lines: &[&'_ str]| -> Vec<String> {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            lines.sort_unstable();
            lines
        };
        let (x, y) = (sorted(&a.lines), sorted(&b.lines));
        let differing = x.iter().find(|line| y.binary_search(line).is_err());
        let other = y.iter().find(|line| x.binary_search(line).is_err());
        // apk: the checksum of the package itself. It was built anew under the same version.
        let rebuilt = [differing, other]
            .iter()
            .any(|line| line.is_some_and(|line| line.starts_with("C:")));
        let cause = if rebuilt {
            Cause::PackageChange
        } else {
            Cause::PackageDatabase
        };
        findings.add(
            cause,
            || name.clone(),
            || match (differing, other) {
                (None, None) => format!("{name}: the same fields in another order"),
                (a, b) => {
                    let line = |line: Option<&String>| {
                        crate::collect::short(line.map_or("", String::as_str))
                    };
                    format!("{name}: {} → {}", line(a), line(b))
                }
            },
        );
    }
}

fn is_dpkg(text: &str) -> bool {
    text.starts_with("Package: ") && text.contains("\nVersion: ")
}

fn is_apk(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("P:"))
        && text.lines().any(|line| line.starts_with("V:"))
}

/// Paragraphs, each with its lines.
fn paragraphs(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let mut lines = text.lines().peekable();
    std::iter::from_fn(move || {
        while lines.next_if(|line| line.trim().is_empty()).is_some() {}
        let mut paragraph = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.trim().is_empty()) {
            paragraph.push(line);
        }
        (!paragraph.is_empty()).then_some(paragraph)
    })
}

fn field<'a>(lines: &[&'a str], start: &str) -> Option<&'a str> {
    lines
        .iter()
        .find_map(|line| line.strip_prefix(start))
        .map(str::trim)
}

fn read<'a>(text: &'a str, keys: [&str; 3]) -> Option<Packages<'a>> {
    let mut packages = Packages::new();
    let mut times: HashMap<String, usize> = HashMap::new();
    for lines in paragraphs(text) {
        let name = field(&lines, keys[0])?;
        let mut name = match field(&lines, keys[2]) {
            Some(architecture) if architecture != "all" => format!("{name}:{architecture}"),
            _ => name.to_owned(),
        };
        // Several versions of one package, as in an index.
        let n = times.entry(name.clone()).or_default();
        *n += 1;
        if *n > 1 {
            name.push_str(&format!(" ({n})"));
        }
        packages.insert(
            name,
            Package {
                version: field(&lines, keys[1]).unwrap_or(""),
                lines,
            },
        );
    }
    Some(packages)
}

fn dpkg(text: &str) -> Option<Packages<'_>> {
    read(text, ["Package:", "Version:", "Architecture:"])
}

fn apk(text: &str) -> Option<Packages<'_>> {
    read(text, ["P:", "V:", "A:"])
}

/// The packages of a lock file in TOML. What stands before the first one is no package.
fn locked(text: &str) -> Option<Packages<'_>> {
    let mut packages = Packages::new();
    for block in text.split(LOCKED).skip(1) {
        let lines: Vec<&str> = block
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty())
            .collect();
        let value = |key| Some(field(&lines, key)?.trim_matches('"'));
        let mut name = value("name = ")?.to_owned();
        // Several versions of one package.
        while packages.contains_key(&name) {
            name.push('+');
        }
        let version = value("version = ")?;
        packages.insert(name, Package { version, lines });
    }
    Some(packages)
}

/// One package on each line, as `pip freeze`, `dpkg-query -W` and `rpm -qa` print them.
fn list<'a>(file: &str, text: &'a str) -> Option<Packages<'a>> {
    let file = file.to_ascii_lowercase();
    let said = [
        "package",
        "requirements",
        "freeze",
        "dpkg",
        "rpm-qa",
        "installed",
        "manifest",
    ]
    .iter()
    .any(|word| file.contains(word));
    let mut packages = Packages::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, version) = item(line, said)?;
        packages.insert(
            name.to_owned(),
            Package {
                version,
                lines: vec![line],
            },
        );
    }
    Some(packages)
}

fn item(line: &str, said: bool) -> Option<(&str, &str)> {
    let named = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+.-_:@/[]".contains(&b))
    };
    let of_distribution =
        |version: &str| is_version(version) && version.contains(['-', '+', '~', ':']);
    if let Some((name, version)) = line.split_once("==") {
        return (named(name.trim()) && version.trim().starts_with(|c: char| c.is_ascii_digit()))
            .then(|| (name.trim(), version.trim()));
    }
    // name-version-release.architecture
    let ends = [
        ".x86_64", ".noarch", ".aarch64", ".i686", ".ppc64le", ".s390x",
    ];
    if ends.iter().any(|end| line.ends_with(end)) {
        let (rest, _) = line.rsplit_once('-')?;
        let (name, _) = rest.rsplit_once('-')?;
        return named(name).then(|| (name, &line[name.len() + 1..]));
    }
    let (name, version) = line.split_once(['\t', ' ', '='])?;
    let version = version.trim();
    let good = if said {
        is_version(version)
    } else {
        line.contains('\t') && of_distribution(version)
    };
    (named(name) && good).then_some((name, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2\n\nPackage: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13\nConffiles:\n /etc/x 0123\n";

    fn causes(name: &str, left: &str, right: &str) -> Vec<Cause> {
        compare(name, left.as_bytes(), right.as_bytes())
            .map(|c| c.findings.iter().map(|f| f.cause).collect())
            .unwrap_or_default()
    }

    #[test]
    fn databases_of_dpkg() {
        let name = "var/lib/dpkg/status";
        let newer = STATUS.replace("5.2.15-2", "5.2.15-3");
        let comparison = compare(name, STATUS.as_bytes(), newer.as_bytes()).unwrap();
        assert_eq!(comparison.findings.len(), 1);
        assert_eq!(comparison.findings[0].cause, Cause::PackageChange);
        assert_eq!(
            comparison.findings[0].evidence,
            "bash:amd64 5.2.15-2 → 5.2.15-3"
        );
        let (a, b) = STATUS.split_once("\n\n").unwrap();
        assert_eq!(
            causes(name, STATUS, &format!("{b}\n{a}\n")),
            [Cause::PackageDatabase]
        );
        assert_eq!(
            causes(name, STATUS, &STATUS.replace("/etc/x 0123", "/etc/x 4567")),
            [Cause::PackageDatabase]
        );
        assert_eq!(
            causes(name, STATUS, &format!("{a}\n")),
            [Cause::PackageChange]
        );
        assert_eq!(causes("debian/control", STATUS, &newer), []);
    }

    #[test]
    fn lock_files() {
        let one = |name: &str, version: &str, sum: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nchecksum = \"{sum}\"\n\n"
            )
        };
        let file = |version: &str, sum: &str| {
            format!(
                "version = 3\n\n{}{}",
                one("a", version, sum),
                one("b", "2.0.0", "1f")
            )
        };
        let left = file("1.2.3", "aa11");
        let causes = |right: &str| causes("Cargo.lock", &left, right);
        assert_eq!(causes(&file("1.2.4", "bb22")), [Cause::PackageChange]);
        assert_eq!(causes(&file("1.2.3", "bb22")), []);
    }

    #[test]
    fn databases_of_apk_and_lists() {
        let apk = "C:Q1aaaa=\nP:musl\nV:1.2.4-r2\nA:x86_64\n\nC:Q1bbbb=\nP:busybox\nV:1.36.1-r5\nA:x86_64\n";
        let name = "lib/apk/db/installed";
        assert_eq!(
            causes(name, apk, &apk.replace("1.2.4-r2", "1.2.5-r0")),
            [Cause::PackageChange]
        );
        assert_eq!(
            causes(name, apk, &apk.replace("Q1aaaa", "Q1cccc")),
            [Cause::PackageChange]
        );
        let (a, b) = apk.split_once("\n\n").unwrap();
        assert_eq!(
            causes(name, apk, &format!("{b}\n{a}\n")),
            [Cause::PackageDatabase]
        );
        assert_eq!(
            causes("x.txt", "a==1.2\nb==2.0\n", "a==1.3\nb==2.0\n"),
            [Cause::PackageChange]
        );
        assert_eq!(
            causes(
                "x.txt",
                "bash-5.2-3.fc38.x86_64\n",
                "bash-5.2-4.fc38.x86_64\n"
            ),
            [Cause::PackageChange]
        );
        assert_eq!(causes("x.conf", "alpha 1.2\n", "alpha 1.3\n"), []);
        assert_eq!(causes("x", "", "y"), []);
    }
}
