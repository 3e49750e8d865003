//! Signatures that cosign, minisign, ssh-keygen and OpenSSL made, and what must not pass for one.

use verbatim_digest::Digest;
use verbatim_verify::signature::{check, Error, Input, Signed};

const SUMS: &[u8] = include_bytes!("../testdata/cli-v2.0.0.sha256");

macro_rules! file {
    ($name:literal) => {
        Input {
            data: include_bytes!(concat!("../testdata/", $name)),
            file: $name,
        }
    };
}

fn of_sums<'a>(data: &'a [u8]) -> Input<'a> {
    Input { data, file: "sums" }
}

/// Each key with its signature of the sums.
fn pairs() -> Vec<(Input<'static>, Input<'static>)> {
    vec![
        (file!("p256.pub"), file!("sums.cosign.sig")),
        (file!("p256.pub"), file!("sums.cosign.json")),
        (file!("ed25519.pub"), file!("sums.ed25519.sig")),
        (file!("rsa.pub"), file!("sums.rsa.sig")),
        (file!("minisign.pub"), file!("sums.minisig")),
        (file!("minisign.pub"), file!("sums.legacy.minisig")),
        (file!("ssh_ed25519.pub"), file!("sums.ed25519.ssh")),
        (file!("allowed_signers"), file!("sums.ed25519.ssh")),
        (file!("ssh_ecdsa.pub"), file!("sums.ecdsa.ssh")),
        (file!("ssh_rsa.pub"), file!("sums.rsa.ssh")),
    ]
}

fn verify(sums: &[u8], key: Input<'_>, signature: Input<'_>) -> Result<Signed, Error> {
    check(of_sums(sums), None, key, signature, "file")
}

#[test]
fn what_people_sign_with_is_verified() {
    for (key, signature) in pairs() {
        let signed = verify(SUMS, key, signature)
            .unwrap_or_else(|e| panic!("{} by {}: {e}", signature.file, key.file));
        assert_eq!(signed.subject, None, "{}", signature.file);
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    for (key, signature) in pairs() {
        for at in [0, SUMS.len() / 2, SUMS.len() - 1] {
            let mut sums = SUMS.to_vec();
            sums[at] ^= 1;
            let error = verify(&sums, key, signature).unwrap_err();
            assert!(
                matches!(error, Error::Bad { .. }),
                "{}: {error}",
                signature.file
            );
        }
        // Every byte of the signature: the text around it may say the same, the signature may not.
        for at in 0..signature.data.len() {
            let mut bytes = signature.data.to_vec();
            bytes[at] ^= 1;
            let changed = Input {
                data: &bytes,
                file: "changed",
            };
            if verify(SUMS, key, changed).is_ok() {
                let line = signature.data[..at].iter().filter(|&&b| b == b'\n').count();
                let free = match signature.file {
                    // Only the first comment and the end of the last line are not signed.
                    name if name.ends_with(".minisig") => {
                        line == 0 || at + 1 == signature.data.len()
                    }
                    // A bundle says much besides the signature.
                    name if name.ends_with(".json") => {
                        !is_in(signature.data, at, b"\"signature\":\"")
                            && !is_in(signature.data, at, b"\"digest\":\"")
                    }
                    // Bits that base64 has and bytes have not, and white space.
                    _ => at + 6 > signature.data.len(),
                };
                assert!(free, "{}: byte {at} may be changed", signature.file);
            }
        }
    }
}

/// Whether a position lies in the JSON text behind a key.
fn is_in(data: &[u8], at: usize, key: &[u8]) -> bool {
    let Some(start) = data.windows(key.len()).position(|w| w == key) else {
        return false;
    };
    let start = start + key.len();
    let length = data[start..].iter().position(|&b| b == b'"').unwrap_or(0);
    (start..start + length).contains(&at)
}

#[test]
fn the_key_of_another_is_refused() {
    let all = pairs();
    for (i, (key, _)) in all.iter().enumerate() {
        for (j, (other, signature)) in all.iter().enumerate() {
            let same = key.data == other.data
                || [key.file, other.file]
                    .iter()
                    .all(|f| ["ssh_ed25519.pub", "allowed_signers"].contains(f));
            if i != j && !same {
                assert!(
                    verify(SUMS, *key, *signature).is_err(),
                    "{} {}",
                    key.file,
                    signature.file
                );
            }
        }
    }
}

/// A bundle that says another digest than that of what is signed is put together from two.
#[test]
fn what_a_bundle_says_of_its_content_must_be_right() {
    let text = std::str::from_utf8(file!("sums.cosign.json").data).unwrap();
    let digest = "QtFeZ1tKluPQy6JmSg3uME5s5XnPJHWr7yORR6vdxEk=";
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let data = text.replace(from, to);
        let signature = Input {
            data: data.as_bytes(),
            file: "changed.json",
        };
        verify(SUMS, file!("p256.pub"), signature)
    };
    for (from, to) in [
        (digest, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        (digest, ""),
        (digest, "!"),
        ("SHA2_256", "SHA2_512"),
        ("SHA2_256", "SHA3_256"),
        ("SHA2_256", ""),
        ("\"digest\"", "\"digest\":\"AAAA\",\"digest\""),
    ] {
        let error = with(from, to).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        assert!(error.to_string().starts_with("changed.json: "), "{error}");
    }
    // It may say nothing of it, or the same in other words.
    let whole = format!(r#""messageDigest":{{"algorithm":"SHA2_256","digest":"{digest}"}},"#);
    with(&whole, "").unwrap();
    with("SHA2_256", "sha256").unwrap();
}

#[test]
fn a_published_signature_of_a_file_vouches_for_its_sum() {
    let digest = Digest::from_hex(std::str::from_utf8(&SUMS[..64]).unwrap()).unwrap();
    let (key, signature) = (file!("cosign.pub"), file!("cli-v2.0.0.sig"));
    let signed = check(of_sums(SUMS), Some(digest), key, signature, "file").unwrap();
    assert_eq!(signed.subject, Some(digest));
    // A list of several is not signed by the signature of one of its files.
    assert!(check(of_sums(SUMS), None, key, signature, "file").is_err());
    let mut flipped = *digest.as_bytes();
    flipped[31] ^= 1;
    let flipped = Digest::from_bytes(flipped);
    let error = check(of_sums(SUMS), Some(flipped), key, signature, "file").unwrap_err();
    assert!(matches!(error, Error::Bad { .. }), "{error}");
}

#[test]
fn a_namespace_is_part_of_what_was_signed() {
    let error = check(
        of_sums(SUMS),
        None,
        file!("ssh_ed25519.pub"),
        file!("sums.ed25519.ssh"),
        "git",
    )
    .unwrap_err();
    assert!(error.to_string().contains("namespace `file`"), "{error}");
    let line = b"a@example.com namespaces=\"git\" ";
    let key = [&line[..], file!("ssh_ed25519.pub").data].concat();
    let key = Input {
        data: &key,
        file: "signers",
    };
    assert!(verify(SUMS, key, file!("sums.ed25519.ssh")).is_err());
    // One line of several is enough, whatever the others are.
    let own = std::str::from_utf8(file!("ssh_ed25519.pub").data).unwrap();
    let other = std::str::from_utf8(file!("ssh_rsa.pub").data).unwrap();
    let text = format!(
        "# signers\nno line of such a file\no@e valid-before=\"20200101\" {other}\nca@e cert-authority {other}\nme@e valid-before=\"20200101\" {own}\nme@e\tvalid-after=\"20200101\"\t{own}"
    );
    fn signers(data: &[u8]) -> Input<'_> {
        let file = "signers";
        Input { data, file }
    }
    let signed = verify(SUMS, signers(text.as_bytes()), file!("sums.ed25519.ssh")).unwrap();
    assert_eq!(signed.by, "SSH, me@e");
    for (options, why) in [
        ("valid-before=\"20200101\"", "not valid any more"),
        ("valid-after=\"99990101\"", "not valid yet"),
        ("namespaces=\"git\"", "other namespaces"),
        ("unheard-of", "not understood"),
    ] {
        let text = format!("me@e {options} {own}");
        let error = verify(SUMS, signers(text.as_bytes()), file!("sums.ed25519.ssh")).unwrap_err();
        assert!(matches!(error, Error::Bad { .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn nonsense_is_named() {
    let nothing = |data| Input { data, file: "f" };
    for data in [
        &b""[..],
        b"\x00\xff",
        b"{}",
        b"{\"x\":",
        b"0\x80\x80\x80",
        b"untrusted comment: x\nRW",
        b"-----BEGIN SSH SIGNATURE-----\n",
    ] {
        for key in [
            file!("p256.pub"),
            file!("minisign.pub"),
            file!("ssh_rsa.pub"),
            nothing(data),
        ] {
            assert!(verify(SUMS, key, nothing(data)).is_err());
        }
        for (_, signature) in pairs() {
            assert!(verify(SUMS, nothing(data), signature).is_err());
        }
    }
}
