//! Licenses in the words of packages, and in those of SPDX where both are the same.

use verbatim_digest::Digest;

/// Identifiers of the list of SPDX that packages commonly name. One that is missing here loses
/// nothing: the package's words are handed on as they are.
const KNOWN: &str = "0BSD AFL-2.1 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 \
    Artistic-1.0-Perl Artistic-2.0 BSD-1-Clause BSD-2-Clause BSD-3-Clause BSD-4-Clause \
    BSD-4-Clause-UC BSL-1.0 bzip2-1.0.6 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDDL-1.0 \
    curl EPL-1.0 EPL-2.0 EUPL-1.2 FSFAP FSFUL FSFULLR FTL GFDL-1.3-or-later GPL-1.0-or-later GPL-2.0-only \
    GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU ISC LGPL-2.0-only LGPL-2.0-or-later \
    LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later libtiff MIT MIT-0 MIT-CMU MPL-1.1 \
    MPL-2.0 MS-PL NCSA OFL-1.1 OLDAP-2.8 OpenSSL PHP-3.01 PostgreSQL PSF-2.0 Python-2.0 Python-2.0.1 \
    Ruby Sleepycat SSH-OpenSSH Unicode-3.0 Unicode-DFS-2016 Unlicense UPL-1.0 Vim W3C WTFPL X11 Zlib \
    ZPL-2.1";
/// The same of exceptions.
const EXCEPTIONS: &str = "Autoconf-exception-3.0 Bison-exception-2.2 Classpath-exception-2.0 \
    GCC-exception-2.0 GCC-exception-3.1 Libtool-exception LLVM-exception";

/// A license as a document says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum License {
    /// An expression of SPDX (annex D), which is what the package says itself.
    Expression(String),
    /// Other words, and the identifier that stands for them in SPDX.
    Words(String, String),
}

impl License {
    /// What the words of a package say.
    pub(crate) fn of(words: &str) -> Self {
        let words = words.trim();
        if is_expression(words) {
            return Self::Expression(words.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
        let hex = Digest::of(words.as_bytes()).hex();
        Self::Words(words.to_owned(), format!("LicenseRef-{}", &hex[..16]))
    }
}

/// Whether the words are an expression in known identifiers, in the form that is surely right.
fn is_expression(words: &str) -> bool {
    let spaced = words.replace('(', " ( ").replace(')', " ) ");
    let (mut open, mut wants_name, mut after_with) = (0_u32, true, false);
    for token in spaced.split_ascii_whitespace() {
        let fits = match token {
            "(" => {
                open += 1;
                wants_name && !after_with
            }
            ")" => {
                let fits = !wants_name && open > 0;
                open = open.saturating_sub(1);
                fits
            }
            "AND" | "OR" | "WITH" => {
                let fits = !wants_name;
                wants_name = true;
                after_with = token == "WITH";
                fits
            }
            name => {
                let known = if after_with { EXCEPTIONS } else { KNOWN };
                let fits = wants_name && known.split_ascii_whitespace().any(|one| one == name);
                (wants_name, after_with) = (false, false);
                fits
            }
        };
        if !fits {
            return false;
        }
    }
    !wants_name && open == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_told_from_other_words() {
        for (words, expression) in [
            ("MIT", true),
            (
                " MIT  AND (BSD-2-Clause OR Apache-2.0 WITH LLVM-exception) ",
                true,
            ),
            ("GPLv2+", false),
            ("MIT BSD-2-Clause", false),
            ("MIT and ISC", false),
            ("AND MIT", false),
            ("(MIT", false),
            ("MIT)", false),
            ("MIT WITH MIT", false),
            ("MIT WITH (LLVM-exception)", false),
            ("()", false),
            ("", false),
        ] {
            let is = matches!(License::of(words), License::Expression(_));
            assert_eq!(is, expression, "{words}");
        }
        assert_eq!(License::of(" MIT ( ) ").clone(), License::of("MIT ( )"));
        let License::Words(words, id) = License::of("GPLv2+\n") else {
            panic!()
        };
        assert_eq!(words, "GPLv2+");
        assert!(id.starts_with("LicenseRef-") && id.len() == 27);
    }
}
