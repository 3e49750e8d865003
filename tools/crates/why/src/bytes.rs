//! What two contents show of why they differ.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use verbatim_explain::{explain, Limits, Opener};
use verbatim_rootfs::Place;

/// The largest file that is looked into.
const LARGEST: u64 = 256 << 20;

/// The causes that two contents of one name show, each with evidence; most telling first.
///
/// Both are written to a temporary folder, for the comparison opens files, and containers inside
/// of them.
pub(crate) fn causes(name: &str, old: &Place, new: &Place) -> io::Result<Vec<(String, String)>> {
    if old.size.max(new.size) > LARGEST {
        return Ok(vec![(
            "unexplained".into(),
            format!("more than {LARGEST} bytes, which were not looked into"),
        )]);
    }
    of_readers(name, &mut old.reader(), &mut new.reader())
}

/// The same of bytes in memory.
pub(crate) fn causes_of(name: &str, old: &[u8], new: &[u8]) -> io::Result<Vec<(String, String)>> {
    of_readers(name, &mut { old }, &mut { new })
}

fn of_readers(
    name: &str,
    old: &mut dyn Read,
    new: &mut dyn Read,
) -> io::Result<Vec<(String, String)>> {
    let folder = tempfile::tempdir()?;
    // The name says what format it is; one that is no name of a file here is not needed for that.
    let name = match name {
        "" | "." | ".." => "file",
        name if name.contains(['/', '\0']) || name.len() > 200 => "file",
        name => name,
    };
    let put = |side: &str, content: &mut dyn Read| -> io::Result<String> {
        let at = folder.path().join(side);
        fs::create_dir(&at)?;
        let path = at.join(name);
        let mut file = fs::File::create(&path)?;
        io::copy(content, &mut file)?;
        file.flush()?;
        Ok(path.to_string_lossy().into_owned())
    };
    let (old, new) = (put("old", old)?, put("new", new)?);
    let limits = Limits::default();
    let opener = Opener {
        client: &|| {
            Err(verbatim_explain::Error::new(
                verbatim_explain::ErrorKind::Input,
                "both sides are files",
            ))
        },
        limits: &limits,
    };
    let compared = opener.open(&old).and_then(|old| {
        let new = opener.open(&new)?;
        explain(&old, &new, false, &limits)
    });
    let report = match compared {
        Ok(report) => report,
        // That they differ is known all the same.
        Err(e) => return Ok(vec![("unexplained".into(), e.to_string())]),
    };
    let folder = folder.path().to_string_lossy();
    let causes = report.causes.iter().map(|cause| {
        let evidence = cause
            .evidence
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        // The file's own name goes before each, and is known.
        let evidence = evidence.strip_prefix(name).unwrap_or(evidence);
        let evidence = evidence.trim_start_matches([':', '!', ' ']);
        (cause.id.id().to_owned(), evidence.replace(&*folder, ""))
    });
    Ok(causes.collect())
}

/// The last part of a path.
pub(crate) fn name_of(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    let name = Path::new(&*path).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
