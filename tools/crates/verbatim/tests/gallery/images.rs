//! Images. `$VERBATIM` is the program that is tested.

use super::{case, Case};

pub const CASES: &[Case] = &[
    case(
        "image with another creation time",
        "timestamp",
        "umoci init --layout l; umoci new --image l:x; umoci config --image l:x --created 2024-01-0$((1 + N))T00:00:00Z --no-history; umoci gc --layout l; mv l $OUT",
    )
    .follows(&["history"]),
    case(
        "image with one changed file",
        "source-change",
        "word=(red blue); mkdir t; for f in a b c; do echo $f >t/$f; done; echo \"The door is ${word[N]}.\" >t/d; tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C t -cf t.tar .; $VERBATIM layer --compression gzip -o l.tar.gz --tar t.tar 2>/dev/null || $VERBATIM normalize --compression gzip -o l.tar.gz t.tar; $VERBATIM image --os linux --architecture amd64 --layer l.tar.gz -o $OUT",
    ),
];
