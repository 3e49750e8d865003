//! What the headers of two gzip files tell.

use verbatim_causes::Cause;
use verbatim_formats::gzip::{Header, COMMENT, EXTRA, NAME};

use crate::date;
use crate::report::{lossy, Difference};

/// Tell the fields that differ.
pub(crate) fn compare(left: &Header, right: &Header, node: &mut Difference) {
    let times = (left.mtime(), right.mtime());
    node.compare(Cause::Timestamp, "gzip mtime", times, |mtime| match mtime {
        0 => "none".to_owned(),
        _ => date::shown(mtime.into()),
    });
    for (what, l, r) in [
        ("gzip name", left.name(), right.name()),
        ("gzip comment", left.comment(), right.comment()),
        ("gzip extra field", left.extra(), right.extra()),
    ] {
        node.compare(Cause::ArchiveHeader, what, (l, r), lossy);
    }
    // Name, comment and extra field are known to differ; what is left are text and checksum.
    if (left.flags() ^ right.flags()) & !(EXTRA | NAME | COMMENT) != 0 {
        node.because(
            Cause::ArchiveHeader,
            "gzip flags",
            format!("{:#04x}", left.flags()),
            format!("{:#04x}", right.flags()),
        );
    }
    for (what, l, r) in [
        ("gzip operating system", left.system(), right.system()),
        ("gzip XFL", left.extra_flags(), right.extra_flags()),
    ] {
        if l != r {
            node.field(what, l.to_string(), r.to_string());
        }
    }
}

/// Whether the bytes that encoders leave as their mark differ. They are no cause of their own:
/// another encoder is.
pub(crate) fn have_other_marks(left: &Header, right: &Header) -> bool {
    (left.system(), left.extra_flags()) != (right.system(), right.extra_flags())
}

/// What wrote it, as far as the header gives it away.
pub(crate) fn encoder(header: &Header) -> String {
    let level = match header.extra_flags() {
        2 => "strongest level",
        4 => "fastest level",
        _ => "a level between",
    };
    let system = match header.system() {
        3 => "a Unix tool such as gzip",
        255 => "a library such as Go's or zlib without a header of its own",
        0 => "a tool that says FAT",
        _ => "an unusual tool",
    };
    format!("{level}, {system}")
}
