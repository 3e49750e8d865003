use super::*;

fn found(text: impl AsRef<[u8]>) -> bool {
    look(text.as_ref(), &Rules::default()) != Found::Fine
}

/// Base64 that begins so, in lines of 64.
fn body(start: &str, length: usize) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 7u32;
    let mut text = start.to_owned();
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push(DIGITS[(state >> 26) as usize].into());
    }
    let lines: Vec<_> = text.as_bytes().chunks(64).collect();
    let mut text = String::from_utf8(lines.join(&b'\n')).unwrap();
    text.push('\n');
    text
}

fn pem(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}-----END {label}-----\n")
}

fn keys() -> Vec<String> {
    let encrypted = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n";
    let pgp = "Version: GnuPG v2\nComment: see https://example.com\n\n";
    vec![
        pem("RSA PRIVATE KEY", &body("MIIEpAIBAAKCAQEA", 1588)),
        pem("EC PRIVATE KEY", &body("MHcCAQEEI", 164)),
        pem("DSA PRIVATE KEY", &body("MIIBuwIBAAKBgQ", 600)),
        pem(
            "PRIVATE KEY",
            "MC4CAQAwBQYDK2VwBCIEIKp1hV3mkzGrSk2bw0sVZz5sXqj2Zl9mQx0nJrYt8u4P\n",
        ),
        pem(
            "PRIVATE KEY",
            &body("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj", 1600),
        ),
        pem(
            "ENCRYPTED PRIVATE KEY",
            &body("MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqG", 220),
        ),
        pem(
            "ENCRYPTED SIGSTORE PRIVATE KEY",
            &body("eyJrZGYiOnsibmFtZSI6InNjcnlwdCIs", 600),
        ),
        pem(
            "OPENSSH PRIVATE KEY",
            &body("b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ", 400),
        ),
        pem(
            "RSA PRIVATE KEY",
            &format!("{encrypted}{}", body("x", 1500)),
        ),
        pem(
            "PGP PRIVATE KEY BLOCK",
            &format!("{pgp}{}=aB3d\n", body("lQOYBF", 900)),
        ),
        pem(
            "PGP PRIVATE KEY BLOCK",
            &format!("\n{}=aB3d\n", body("xVgEZ", 300)),
        ),
        pem("RSA PRIVATE KEY", "MIIE\n"),
    ]
}

#[test]
fn keys_of_every_kind() {
    for key in keys() {
        assert!(found(&key), "{key}");
        assert!(found(format!(
            "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n{key}"
        )));
        // Cut off, as it is where the rest is beyond what is looked at.
        if key.len() > 400 {
            assert!(found(&key[..300]), "{key}");
        }
    }
}

/// The text in UTF-16 of both orders, alone, with a byte order mark, and inside of something else.
fn in_two_bytes(text: &str) -> Vec<(Vec<u8>, String)> {
    let mut all = Vec::new();
    for (order, mark) in [("little", [0xff, 0xfe]), ("big", [0xfe, 0xff])] {
        let units = text.encode_utf16();
        let wide: Vec<u8> = match order {
            "little" => units.flat_map(u16::to_le_bytes).collect(),
            _ => units.flat_map(u16::to_be_bytes).collect(),
        };
        for (before, after) in [
            (&[][..], &[][..]),
            (&mark, &[]),
            (b"MZ\x90", b"\0\0rest"),
            (b"a line in ASCII\n", b"\xff"),
        ] {
            let what = format!("{order} endian behind {before:?}: {text}");
            all.push(([before, &wide, after].concat(), what));
        }
    }
    all
}

#[test]
fn keys_in_other_files() {
    for key in keys() {
        let lines = |before: &str, after: &str| {
            let lines = key.lines().map(|line| format!("{before}{line}{after}"));
            lines.collect::<String>()
        };
        let json = key.replace('\n', "\\n");
        for text in [
            key.replace('\n', "\r\n"),
            key.replace('\n', "\r"),
            format!("key: |\n{}", lines("    ", "\n")),
            format!("{{\"type\": \"service_account\", \"private_key\": \"{json}\", \"x\": 1}}"),
            format!("KEY=\"{json}\"\n"),
            json.replace("\\n", "\\\\n"),
            json.replace("\\n", "\\r\\n"),
            json.replace('/', "\\/").replace('+', "\\u002B"),
            json.replace("\\n", "\\u000a"),
            key.replace('\n', "&#xA;"),
            // Joined in a program.
            format!("const key =\n{};", lines("  \"", "\\n\" +\n")),
            format!("key = (\n{})", lines("    b'", "\\n'\n")),
            format!("[{}].join('\\n')", lines("'", "',\n")),
            format!("key = \"\"\"\\\n{key}\"\"\""),
            // Commented out, quoted, or a part of a program.
            lines("# ", "\n"),
            lines("// ", "\n"),
            lines("; ", "\n"),
            lines(" * ", "\n"),
            lines("-", "\n"),
            lines("> ", "\n"),
            format!("\x7fELF\0{key}\0rest"),
        ] {
            assert!(found(&text), "{text}");
            for (text, what) in in_two_bytes(&text) {
                assert!(found(text), "{what}");
            }
        }
        // One line, as in a variable that lost its line ends.
        assert!(found(key.replace('\n', " ")), "{key}");
    }
}

#[test]
fn keys_that_are_encoded_once_more() {
    // `echo "$key" | base64 -w0` of a key of Ed25519, in a configuration of kubectl.
    let text = "    client-key-data: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1DNENBUUF3QlFZREsyVndC\
                Q0lFSUtwMWhWM21rekdyU2syYncwc1ZaejVzWHFqMlpsOW1ReDBuSnJZdDh1NFAKLS0tLS1FTkQgUFJJ\
                VkFURSBLRVktLS0tLQo=\n";
    assert!(found(text));
    // A certificate in the same place.
    assert!(!found(
        "client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJ4\n"
    ));
}

#[test]
fn keys_that_are_encoded_once_more_in_lines() {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let certificates = pem("CERTIFICATE", &body("MIIDdzCCAl", 1200)).repeat(3);
    let before = [
        "",
        "-----BEGIN DSA PARAMETERS-----\nMIIBHw==\n-----END DSA PARAMETERS-----\n",
    ];
    let before = before.into_iter().chain([certificates.as_str()]);
    let files =
        before.flat_map(|before| keys().into_iter().map(move |key| format!("{before}{key}")));
    for key in files {
        let encoded: Vec<u8> = key
            .as_bytes()
            .chunks(3)
            .flat_map(|three| {
                let mut bytes = [0; 4];
                bytes[1..=three.len()].copy_from_slice(three);
                let bits = u32::from_be_bytes(bytes);
                (0..=three.len()).map(move |at| DIGITS[(bits >> (18 - 6 * at)) as usize & 63])
            })
            .collect();
        for (width, end) in [
            (64, "\n"),
            (76, "\n"),
            (76, "\r\n"),
            (76, "\n    "),
            (76, "\\n"),
        ] {
            let lines: Vec<_> = encoded
                .chunks(width)
                .map(|line| std::str::from_utf8(line).unwrap())
                .collect();
            assert!(found(lines.join(end)), "{key}");
        }
    }
}

#[test]
fn other_forms() {
    let putty =
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 2\n\
                 AAAAC3NzaC1lZDI1NTE5AAAAIHfj\nAAAA\nPrivate-Lines: 1\nAAAAIEqhB2Yc0q1vX3ZyJw==\n";
    let age = format!(
        "# created: 2024-01-01\nAGE-SECRET-KEY-1{}\n",
        "QPZRY9X8GF".repeat(6)
    );
    let minisign = format!(
        "untrusted comment: minisign encrypted secret key\n{}",
        body("RWRTY0Iy", 60).replace('\n', "") + &"aB3/".repeat(40)
    );
    let ssh2 = format!(
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"x, \\\ny\"\n{}---- END SSH2 ENCRYPTED PRIVATE KEY ----\n",
        body("P2/56wAAAi", 400)
    );
    for key in [putty, &age, &minisign, &ssh2] {
        assert!(found(key), "{key}");
        assert!(found(key.replace('\n', "\r\n")), "{key}");
        assert!(found(format!("  {}", key.replace('\n', "\n  "))), "{key}");
        assert!(found(format!("\"{}\"", key.replace('\n', "\\n"))), "{key}");
    }
}

#[test]
fn what_only_mentions_a_key() {
    for text in [
        "",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA\n-----END PUBLIC KEY-----",
        "a PRIVATE KEY",
        "-----BEGIN CERTIFICATE-----\nPRIVATE KEY\n",
        "if (text.indexOf('-----BEGIN PRIVATE KEY-----') !== 0) throw new TypeError('expected');",
        "/(?:-----(?:BEGIN|END) PRIVATE KEY-----|\\s)/g",
        "const re = /(?<key>-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----)/s;",
        "r'-----BEGIN RSA PRIVATE KEY-----[\\s\\S]+?-----END RSA PRIVATE KEY-----'",
        "/-----BEGIN PRIVATE KEY-----\\n([A-Za-z0-9+\\/=\\n]+)\\n-----END PRIVATE KEY-----/",
        "MARKER = ('-----BEGIN RSA PRIVATE KEY-----', '-----END RSA PRIVATE KEY-----')",
        "START = [b'-----BEGIN OPENSSH PRIVATE KEY-----', b'-----BEGIN EC PRIVATE KEY-----']",
        "return '-----BEGIN PRIVATE KEY-----\\n' + key + '\\n-----END PRIVATE KEY-----'",
        "return `-----BEGIN PRIVATE KEY-----\\n${formatted}\\n-----END PRIVATE KEY-----`",
        "f\"-----BEGIN PRIVATE KEY-----\\n{privateKeyInBase64}\\n-----END PRIVATE KEY-----\"",
        "-----BEGIN PRIVATE KEY-----%s-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n<base64>\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nYOUR PRIVATE KEY GOES HERE\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg...\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg…\\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAuTanIsTQvWXcvPZ4z6C2oRbq6KSbeyJV3Gn3vS6FlAK6G2Dm\n[...]\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----\0",
        "-----BEGIN RSA PRIVATE KEY-----\0MIIEowIBAAKCAQEAuTanIsTQvWXcvPZ4z6C2oRbq6KSbeyJV3Gn3vS6FlAK6G2Dm",
        "-----BEGIN EC PRIVATE KEY-----AmericaArgentinaBuenosAiresEuropeBerlinAndManyOthersInOneTable-----BEGIN X-----",
        "see PuTTY-User-Key-File-3",
        "PuTTY-User-Key-File-3: ssh-ed25519\n",
        "if line.startswith('PuTTY-User-Key-File-2: '): ... 'Private-Lines: '",
        "AGE-SECRET-KEY-1",
        "AGE-SECRET-KEY-1...",
        "untrusted comment: minisign encrypted secret key\n",
        // Signatures of minisign and signify.
        "untrusted comment: signature from minisign secret key\n\
         RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\n",
        // Words that could be base64.
        "It begins with -----BEGIN PRIVATE KEY----- and ends with the line that everybody knows who has seen one\n",
        "-----BEGIN PRIVATE KEY-----\nMIT licensed text of a key\n",
        "-----BEGIN RSA PRIVATE KEY-----\nPUT YOUR PRIVATE KEY HERE AND NEVER EVER COMMIT THE RESULT TO GIT\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nyourprivatekeygoesherereplaceitwithyourownone\n-----END RSA PRIVATE KEY-----",
        "const BEGIN = \"-----BEGIN RSA PRIVATE KEY-----\"\nconst NEXT = 1\nfunction aVeryLongNameThatIsLong\n",
        "AGE-SECRET-KEY-1XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
        "untrusted comment: minisign public key\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n",
        "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t",
    ] {
        assert!(!found(text), "{text}");
        for (text, what) in in_two_bytes(text) {
            assert!(!found(text), "{what}");
        }
    }
}

#[test]
fn keytabs_have_entries() {
    let rules = Rules::default();
    assert_eq!(keytab(b"", &rules), Found::Fine);
    assert_eq!(keytab(b"\x05\x02", &rules), Found::Fine);
    assert_ne!(keytab(b"\x05\x02\0", &rules), Found::Fine);
}

#[test]
fn hostile_files_are_looked_through_in_linear_time() {
    for piece in [
        "-----BEGIN PRIVATE KEY-----",
        "LS0tLS1CRUdJTi",
        "PuTTY-User-Key-File-2: ",
        "AGE-SECRET-KEY-1",
        "untrusted comment: ",
        "\\\\\\\\u00",
        "-BEGIN ",
    ] {
        let text = piece.repeat((64 << 10) / piece.len());
        let mut all: Vec<_> = in_two_bytes(&text).into_iter().step_by(4).collect();
        all.push((text.into_bytes(), piece.to_owned()));
        for (text, _) in all {
            let begin = std::time::Instant::now();
            found(text);
            assert!(begin.elapsed().as_secs() < 5, "{piece}");
        }
    }
}
