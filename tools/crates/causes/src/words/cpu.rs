//! What the processor of the machine can do, as `/proc/cpuinfo` and configurations list it.

use super::context::Context;

/// Features that are told in one word. Those of AVX-512 are too many to be listed.
const FEATURES: &[&str] = &[
    "fpu",
    "vme",
    "mmx",
    "sse",
    "sse2",
    "sse3",
    "pni",
    "ssse3",
    "sse4_1",
    "sse4_2",
    "sse4.1",
    "sse4.2",
    "sse4a",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "bmi1",
    "bmi2",
    "aes",
    "vaes",
    "pclmulqdq",
    "vpclmulqdq",
    "popcnt",
    "lzcnt",
    "abm",
    "adx",
    "sha_ni",
    "rdrand",
    "rdseed",
    "movbe",
    "xsave",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "neon",
    "asimd",
    "asimdhp",
    "asimddp",
    "sve",
    "sve2",
    "crc32",
    "sha1",
    "sha2",
    "pmull",
    "atomics",
    "fphp",
    "hypervisor",
];

fn is_feature(word: &str) -> bool {
    let word = word.trim_start_matches(['+', '-']).to_ascii_lowercase();
    FEATURES.contains(&word.as_str()) || word.starts_with("avx512") || word.starts_with("avx_")
}

/// Whether words that one side has more are features of a processor, in a list of such.
pub(super) fn is_list(context: &Context<'_>, text: &str) -> bool {
    let words = |text: &str| -> (usize, usize) {
        let words = text
            .split(|c: char| c.is_whitespace() || c == ',' || c == ';')
            .filter(|word| !word.is_empty());
        words.fold((0, 0), |(all, known), word| {
            (all + 1, known + usize::from(is_feature(word)))
        })
    };
    let (all, known) = words(text);
    let (_, beside) = words(&[context.before, " ", context.after].concat());
    all > 0 && known == all && beside >= 2
}
