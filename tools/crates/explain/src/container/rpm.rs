//! RPM packages: a header, and the files in an archive of cpio.

use std::io;

use verbatim_formats::rpm::Layout;

use crate::blob::Blob;
use crate::compare::{inside, Explainer};
use crate::report::{Difference, Kind, Level};

impl Explainer<'_> {
    /// Two packages. What the header says of the files is told only if the files themselves could
    /// not be compared.
    pub(crate) fn packages(
        &mut self,
        node: &mut Difference,
        path: &str,
        name: &[u8],
        (left, l): (&Blob, &Layout),
        (right, r): (&Blob, &Layout),
        depth: u32,
    ) -> io::Result<()> {
        let files = (
            left.part(l.payload, u64::MAX)?,
            right.part(r.payload, u64::MAX)?,
        );
        let own = inside(path, "payload");
        let mut child = Difference::new(Level::Entry, &own, Kind::Changed);
        let walked = files.0.first_difference(&files.1)?.is_some()
            && match self.files(&mut child, &own, &files, depth + 1) {
                Ok(walked) => walked,
                Err(e) => {
                    child.not_examined(e);
                    false
                }
            };
        let whole = !walked || l.payload.max(r.payload) > self.limits.file;
        if whole {
            self.leaf(node, name, None, left, right)?;
        } else {
            let heads = (
                left.part(0, l.payload)?.load()?,
                right.part(0, r.payload)?.load()?,
            );
            if let Some(comparison) = verbatim_causes::compare_rpm_heads(&heads.0, &heads.1) {
                node.absorb(comparison);
            }
            node.format = Some("rpm");
        }
        if !child.says_nothing() {
            node.children.push(child);
        }
        Ok(())
    }

    /// Compare the files, if they are packed in a way that can be unpacked.
    fn files(
        &mut self,
        node: &mut Difference,
        path: &str,
        (left, right): &(Blob, Blob),
        depth: u32,
    ) -> io::Result<bool> {
        if !(Self::is_container(left)? && Self::is_container(right)?) {
            return Ok(false);
        }
        self.content(node, path, b"", left, right, depth)?;
        Ok(!node.says_nothing())
    }
}
