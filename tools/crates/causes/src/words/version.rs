//! Versions of kernels and of tools.

use super::context::Key;

/// Programs that build, and that write their version into what they build.
const TOOLS: &[&str] = &[
    "gcc",
    "g++",
    "clang",
    "llvm",
    "rustc",
    "cargo",
    "go",
    "golang",
    "gc",
    "javac",
    "java",
    "jdk",
    "jvm",
    "python",
    "cpython",
    "pip",
    "setuptools",
    "wheel",
    "bdist",
    "flit",
    "poetry",
    "hatchling",
    "maturin",
    "ld",
    "lld",
    "binutils",
    "gas",
    "assembler",
    "make",
    "cmake",
    "ninja",
    "meson",
    "bazel",
    "maven",
    "gradle",
    "ant",
    "node",
    "nodejs",
    "npm",
    "yarn",
    "webpack",
    "babel",
    "typescript",
    "tsc",
    "sphinx",
    "doxygen",
    "help2man",
    "pandoc",
    "asciidoctor",
    "docbook",
    "texinfo",
    "makeinfo",
    "pdftex",
    "luatex",
    "xetex",
    "latex",
    "ghostscript",
    "inkscape",
    "cairo",
    "imagemagick",
    "groff",
    "autoconf",
    "automake",
    "libtool",
    "bison",
    "flex",
    "yacc",
    "swig",
    "cython",
    "protoc",
    "protobuf",
    "antlr",
    "ghc",
    "ocaml",
    "ocamlc",
    "perl",
    "pod",
    "pod2man",
    "ruby",
    "php",
    "dotnet",
    "csc",
    "roslyn",
    "kotlin",
    "scala",
    "swift",
    "swiftc",
    "zig",
    "nasm",
    "yasm",
    "mold",
    "gold",
    "tar",
    "gzip",
    "zip",
    "dpkg",
    "debhelper",
    "rpmbuild",
    "rpm",
    "buildkit",
    "buildx",
    "docker",
    "buildah",
    "podman",
    "kaniko",
    "jib",
    "apko",
    "cython3",
    "nvcc",
    "cuda",
    "icc",
    "msvc",
    "fortran",
    "gfortran",
    "valac",
    "moc",
    "qt",
    "uic",
    "rcc",
    "qmake",
    "wix",
    "nsis",
    "proguard",
    "r8",
    "d8",
    "dx",
    "aapt",
    "aapt2",
    "sed",
    "awk",
    "xsltproc",
    "gettext",
    "msgfmt",
    "sqlite",
    "javadoc",
    "terser",
    "rollup",
    "esbuild",
    "vite",
    "jekyll",
    "hugo",
    "mkdocs",
    "pdoc",
    "rustdoc",
    "swagger",
    "openapi",
    "thrift",
    "flatc",
    "buildroot",
    "yocto",
    "bitbake",
    "crosstool",
    "musl",
    "glibc",
    "bnd",
];

/// Keys and phrases whose value is a tool with its version.
const MAKERS: &[&str] = &[
    "compiler",
    "toolchain",
    "generator",
    "producer",
    "linker",
    "creator",
    "generated",
    "created",
    "compiled",
    "built",
    "builder",
    "tool",
    "toolset",
    "cc",
    "cxx",
    "ident",
    "jdk",
    "rustc",
    "gcc",
    "interpreter",
    "converter",
    "translator",
    "assembled",
    "linked",
    "formatted",
    "rendered",
];

/// Whether a word is a version: digits with points, perhaps with `v` before and more behind.
pub(super) fn is_version(word: &str) -> bool {
    let word = word.trim_start_matches(['v', 'V', '~', '^']);
    let word = word.strip_prefix("go").unwrap_or(word);
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0
        && digits <= 8
        && word.len() <= 64
        && word.as_bytes().get(digits) == Some(&b'.')
        && word
            .as_bytes()
            .get(digits + 1)
            .is_some_and(u8::is_ascii_digit)
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-+~_:".contains(&b))
}

/// The version in a word such as `bdist_wheel-0.38.4`, `pdfTeX-1.40.24`, `go1.22.3`, `linux-6.1.0`.
pub(super) fn name_and_version(word: &str) -> Option<(&str, &str)> {
    let at = word
        .char_indices()
        .find(|(at, c)| {
            c.is_ascii_digit() && word[..*at].ends_with(['-', '/', '_', '@', 'o', 'v'])
        })?
        .0;
    let name = word[..at].trim_end_matches(['-', '/', '_', '@', 'v']);
    (!name.is_empty() && is_version(&word[at..])).then(|| (name, &word[at..]))
}

fn is_tool(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let bare = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    TOOLS.contains(&word.as_str()) || TOOLS.contains(&bare)
}

/// Whether a number on the line of a tool is the tool's version.
pub(super) fn is_of_tool(key: &Key, left: &str, right: &str) -> bool {
    let versioned = |word: &str| is_version(word) || name_and_version(word).is_some();
    if !(versioned(left) && versioned(right)) {
        return false;
    }
    if let (Some((a, _)), Some((b, _))) = (name_and_version(left), name_and_version(right)) {
        if a == b && a.split(['-', '_', '/']).any(is_tool) {
            return true;
        }
    }
    key.all.iter().rev().take(5).any(|word| is_tool(word)) || key.near(MAKERS, 6)
}

/// Words for versions that are no numbers: `1.81.0-nightly`, `Debian 12.2.0-14`.
pub(super) fn is_maker(key: &Key) -> bool {
    key.has(&[
        "compiler",
        "toolchain",
        "generator",
        "producer",
        "linker",
        "creator",
        "jdk",
        "rustc",
    ]) || key.ends_with(&["generated", "by"])
        || key.ends_with(&["created", "by"])
}

/// `6.1.0-18-amd64`, `5.15.0-91-generic`, `6.6.12-linuxkit`, `4.18.0-513.el8.x86_64`.
pub(super) fn is_kernel(word: &str) -> bool {
    const FLAVOURS: &[&str] = &[
        "generic",
        "amd64",
        "arm64",
        "686",
        "cloud",
        "azure",
        "aws",
        "gcp",
        "gke",
        "arch",
        "lts",
        "linuxkit",
        "microsoft",
        "lowlatency",
        "rt",
        "zen",
        "default",
        "oracle",
        "raspi",
        "rpi",
        "v8",
        "kvm",
        "hardened",
        "virt",
        "server",
        "ec2",
        "pve",
        "x86",
        "orbstack",
        "android",
    ];
    let mut parts = word.split(['-', '+', '_']);
    let first = parts.next().unwrap_or("");
    let numbers = first.split('.').count();
    let plain = first.bytes().all(|b| b.is_ascii_digit() || b == b'.') && is_version(first);
    if !plain || !(2..=4).contains(&numbers) {
        return false;
    }
    parts.any(|part| {
        part.split('.').any(|piece| {
            FLAVOURS.contains(&piece)
                || (piece.len() <= 6
                    && ["el", "fc", "amzn", "arch"].iter().any(|start| {
                        piece.strip_prefix(start).is_some_and(|rest| {
                            !rest.is_empty()
                                && rest.bytes().all(|b| b.is_ascii_digit() || b == b'_')
                        })
                    }))
        })
    })
}

/// Whether a version is the kernel's, from what stands before it.
pub(super) fn is_of_kernel(key: &Key, left: &str, right: &str) -> bool {
    let kernels = is_kernel(left) && is_kernel(right);
    let versions = is_version(left) && is_version(right);
    let said = key.has(&["kernel", "uname", "osrelease"])
        || key.ends_with(&["linux"])
        || key.ends_with(&["linux", "version"])
        || key.ends_with(&["kernel"])
        || key.ends_with(&["kernel", "version"])
        || key.ends_with(&["lib", "modules"])
        || (key.has(&["os"]) && key.has(&["release", "version"]) && kernels);
    kernels || (versions && said)
}

/// The place of `Linux NAME RELEASE` or `Linux version RELEASE` in a line: where the name starts,
/// and where the release starts.
pub(super) fn uname(line: &str) -> Option<(usize, usize)> {
    let at = line.find("Linux ")?;
    let name = at + 6;
    let length = line[name..].find(' ')?;
    let release = name + length + 1;
    let word = line[release..].split(' ').next()?;
    (is_kernel(word) || (is_version(word) && line[release..].contains('#')))
        .then_some((name, release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_belong_to_tools_or_kernels() {
        let tool = |before: &str, a: &str, b: &str| is_of_tool(&Key::of(before), a, b);
        assert!(tool("GCC: (Debian ", "12.2.0-14", "13.1.0-2"));
        assert!(tool("rustc ", "1.97.0", "1.97.1"));
        assert!(tool("Generator: Sphinx ", "5.3", "7.2.6"));
        assert!(tool("", "go1.22.1", "go1.22.3"));
        assert!(tool("Producer (", "pdfTeX-1.40.24", "pdfTeX-1.40.25"));
        assert!(!tool("version = ", "1.2.3", "1.2.4"));
        assert!(!tool("GCC: ", "abc", "def"));
        assert!(is_kernel("6.1.0-18-amd64") && is_kernel("4.18.0-513.el8.x86_64"));
        assert!(is_kernel("6.6.12-linuxkit") && !is_kernel("12.2.0-14") && !is_kernel("1.2.3"));
        assert!(is_of_kernel(&Key::of("kernel: "), "6.1.0", "6.2.0"));
        assert!(!is_of_kernel(&Key::of("version: "), "6.1.0", "6.2.0"));
        assert_eq!(uname("x Linux host 6.1.0-18-amd64 #1 SMP"), Some((8, 13)));
        assert_eq!(uname("Linux is good"), None);
    }
}
