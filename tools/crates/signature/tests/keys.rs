//! Keys and signatures that OpenSSL made, and keys that nobody may use.

use verbatim_signature::{Error, PrivateKey, PublicKey};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../testdata/", $name)).as_slice()
    };
}

// `openssl pkey -pubin -outform der | sha256sum`
const P256_ID: &str = "5a551c20f29401a63fccdafb5e1c7ff80ed675db54070bc8f9b2f4d801686b31";
const P384_ID: &str = "a407e2dd76ca69c093d8bf27f744146b7726d5923c930761f83a479bff4da1f6";
const ED25519_ID: &str = "19071e6d96d6f3973bb04249f15d4c844b80cd0cc7c17f8f0327fd517c9785d1";
const RSA_ID: &str = "61ac4c418324e44dc4d834f20883111adc62f3f01673ae948d72d1fff45e768f";

fn malformed(error: Error) -> String {
    match error {
        Error::Malformed(error) => error.to_string(),
        other => panic!("{other}"),
    }
}

#[test]
fn each_kind_of_key_signs_the_same_on_every_machine() {
    for (private, public, algorithm) in [
        (file!("p256.pem"), file!("p256.pub"), "ECDSA P-256"),
        (file!("p256.sec1.pem"), file!("p256.pub"), "ECDSA P-256"),
        (file!("ed25519.pem"), file!("ed25519.pub"), "Ed25519"),
        (file!("rsa.pem"), file!("rsa.pub"), "RSA"),
        (file!("rsa.pkcs1.pem"), file!("rsa.pkcs1.pub"), "RSA"),
    ] {
        let private = PrivateKey::from_pem(private, "key", None).unwrap();
        let public = PublicKey::from_pem(public, "key.pub").unwrap();
        assert_eq!(private.public(), &public);
        assert_eq!(public.algorithm(), algorithm);
        let signature = private.sign(b"message");
        assert_eq!(signature, private.sign(b"message"), "{algorithm}");
        assert!(public.verify(b"message", &signature), "{algorithm}");
        assert!(!public.verify(b"massage", &signature), "{algorithm}");
        for wrong in [&signature[1..], &[], &[0; 64]] {
            assert!(!public.verify(b"message", wrong), "{algorithm}");
        }
        let other = PublicKey::from_pem(file!("other.pub"), "other.pub").unwrap();
        assert!(!other.verify(b"message", &signature));
    }
}

/// What goes out is what came in, and names the key for cosign.
#[test]
fn a_public_key_has_one_form() {
    for (pem, id) in [
        (file!("p256.pub"), P256_ID),
        (file!("p384.pub"), P384_ID),
        (file!("ed25519.pub"), ED25519_ID),
        (file!("rsa.pub"), RSA_ID),
    ] {
        let key = PublicKey::from_pem(pem, "key.pub").unwrap();
        assert_eq!(key.to_pem().as_bytes(), pem);
        assert_eq!(key.key_id().hex(), id);
    }
    let pkcs1 = PublicKey::from_pem(file!("rsa.pkcs1.pub"), "key.pub").unwrap();
    assert_eq!(pkcs1.key_id().hex(), RSA_ID);
}

#[test]
fn keys_that_vouch_for_nothing_are_none() {
    for (pem, word) in [
        (file!("ed25519.weak.pub"), "small order"),
        (file!("p256.off_curve.pub"), "not on its curve"),
        (file!("p256.compressed.pub"), "compressed"),
        (file!("p521.pub"), "not supported"),
        (file!("rsa1024.pub"), "1024 bits"),
        (file!("rsa_e1.pub"), "exponent"),
        (file!("rsa_e2.pub"), "exponent"),
        (file!("p256.pem"), "private key"),
        (file!("certificate.pem"), "certificate"),
        (file!("statement.json"), "-----BEGIN"),
        (b"", "-----BEGIN"),
        (
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "DER",
        ),
        (
            b"-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
            "PEM",
        ),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA", "-----BEGIN"),
        (b"\xff\xfe-----BEGIN", ""),
    ] {
        let error = malformed(PublicKey::from_pem(pem, "a.pub").unwrap_err());
        assert!(
            error.starts_with("a.pub: ") && error.contains(word),
            "{error}"
        );
    }
    let two = [file!("p256.pub"), file!("other.pub")].concat();
    let error = malformed(PublicKey::from_pem(&two, "a.pub").unwrap_err());
    assert!(error.contains("2 keys"), "{error}");
}

#[test]
fn private_keys_that_cannot_sign_say_why() {
    for (pem, word) in [
        (file!("p256.pub"), "public key"),
        (file!("p256.encrypted.pem"), "cosign import-key-pair"),
        (file!("certificate.pem"), "CERTIFICATE"),
        (
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "DER",
        ),
        (
            b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
            "broken",
        ),
        (
            b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            "RSA",
        ),
    ] {
        let error = malformed(PrivateKey::from_pem(pem, "a.key", None).unwrap_err());
        assert!(
            error.starts_with("a.key: ") && error.contains(word),
            "{error}"
        );
    }
}

/// A second form of one Ed25519 signature (S + L) is none, as RFC 8032 wants it.
#[test]
fn an_ed25519_signature_has_one_form() {
    let private = PrivateKey::from_pem(file!("ed25519.pem"), "key", None).unwrap();
    let mut signature = private.sign(b"message");
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, added) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + added + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert!(!private.public().verify(b"message", &signature));
}
