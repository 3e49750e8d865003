//! OpenPGP signatures over indexes and packages (RFC 9580, and the keys of RFC 4880).
//!
//! The library parses and computes; what is believed is decided here: which keys may sign, that a
//! key was not expired or revoked at the moment that counts, and that of a cleartext message
//! exactly the signed text is used, with nothing around it.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::path::Path;

use pgp::armor::Dearmor;
use pgp::composed::{CleartextSignedMessage, Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Packet, PacketParser, Signature, SignatureType};
use pgp::types::{KeyDetails, Tag, Timestamp, VerifyingKey};
use verbatim_foreign::printable_path;

use crate::{Error, Moment, Result};

/// The largest file of keys that is read.
const LARGEST_RING: u64 = 16 << 20;

/// So many signatures over one text are looked at; archives have two or three.
const MOST_SIGNATURES: usize = 32;

/// Public keys that may sign.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: Vec<SignedPublicKey>,
    /// The files that they come from, for messages.
    files: Vec<String>,
}

/// The key that made a signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The fingerprint of the primary key or of the subkey that signed, in hexadecimal digits.
    pub fingerprint: String,
}

impl KeyRing {
    /// Add the keys of a file, armored or binary.
    pub fn add_file(&mut self, path: &Path) -> Result<()> {
        let name = printable_path(path);
        let data = verbatim_net::files::read(path, LARGEST_RING)
            .map_err(|e| Error::wrong(format!("cannot read the keys {name}: {e}")))?;
        self.add(&data, &name)
    }

    /// Add keys, armored or binary; `name` is that of their file in messages.
    pub fn add(&mut self, data: &[u8], name: &str) -> Result<()> {
        let before = self.keys.len();
        let wrong = |why: String| {
            Error::wrong(format!(
                "{name} holds no public keys of OpenPGP ({why}); export them with `gpg --export`"
            ))
        };
        let binary = binary(data).map_err(|e| wrong(e.to_string()))?;
        let keys = SignedPublicKey::from_bytes_many(&*binary).map_err(|e| wrong(e.to_string()))?;
        // A ring may hold keys of kinds that are not known here, beside those that are needed.
        self.keys.extend(keys.flatten());
        if self.keys.len() == before {
            return Err(wrong("none could be read".to_owned()));
        }
        self.files.push(name.to_owned());
        Ok(())
    }

    /// Check a detached signature, armored or binary, over these bytes, at this moment.
    pub fn check_detached(&self, data: &[u8], signature: &[u8], at: Moment) -> Result<Signer> {
        let signatures = signatures(signature)?;
        self.check(&signatures, data, at)
    }

    /// Check a message of the cleartext framework at this moment, and give what was signed.
    pub fn check_cleartext(&self, message: &[u8], at: Moment) -> Result<(String, Signer)> {
        let message = framed(message)?;
        let text = message.signed_text();
        let signer = self.check(message.signatures(), text.as_bytes(), at)?;
        Ok((text.replace("\r\n", "\n"), signer))
    }

    /// One signature that holds is enough: archives are signed with several keys.
    fn check(&self, signatures: &[Signature], data: &[u8], at: Moment) -> Result<Signer> {
        let mut doubt = Doubt::NoKey(Vec::new());
        for signature in signatures.iter().take(MOST_SIGNATURES) {
            match self.check_one(signature, data, at) {
                Ok(signer) => return Ok(signer),
                Err(other) => doubt = doubt.or(other),
            }
        }
        if signatures.is_empty() {
            return Err(Error::refused("it is not signed"));
        }
        let given = self.files.join(", ");
        Err(Error::refused(match doubt {
            Doubt::NoKey(issuers) => format!(
                "it is signed with none of the keys in {given}, but with {}",
                match &issuers[..] {
                    [] => "one that it does not name".to_owned(),
                    issuers => issuers.join(", "),
                }
            ),
            Doubt::Key(why) => format!("{why} (keys in {given})"),
        }))
    }

    fn check_one(&self, signature: &Signature, data: &[u8], at: Moment) -> Result<Signer, Doubt> {
        let mut doubt = Doubt::NoKey(issuers(signature));
        for key in &self.keys {
            if is_by(signature, &key.primary_key) {
                match verified(signature, &key.primary_key, data)
                    .and_then(|()| primary_is_good(key, at))
                    .and_then(|()| not_expired(signature, at))
                {
                    Ok(()) => return Ok(Signer::of(&key.primary_key)),
                    Err(why) => doubt = doubt.or(Doubt::Key(why)),
                }
            }
            for subkey in &key.public_subkeys {
                if !is_by(signature, &subkey.key) {
                    continue;
                }
                match verified(signature, &subkey.key, data)
                    .and_then(|()| primary_is_good(key, at))
                    .and_then(|()| subkey_is_good(key, subkey, at))
                    .and_then(|()| not_expired(signature, at))
                {
                    Ok(()) => return Ok(Signer::of(&subkey.key)),
                    Err(why) => doubt = doubt.or(Doubt::Key(why)),
                }
            }
        }
        Err(doubt)
    }
}

impl Signer {
    fn of(key: &impl KeyDetails) -> Self {
        Self {
            fingerprint: key.fingerprint().to_string(),
        }
    }
}

/// What a message of the cleartext framework says, whoever signed it: for sources that are
/// unsigned on purpose.
pub fn text_of(message: &[u8]) -> Result<String> {
    Ok(framed(message)?.signed_text().replace("\r\n", "\n"))
}

fn framed(message: &[u8]) -> Result<CleartextSignedMessage> {
    let message = std::str::from_utf8(message)
        .map_err(|_| Error::refused("the signed message is not text in UTF-8"))?;
    nothing_around(message)?;
    match CleartextSignedMessage::from_string(message) {
        Ok((message, _)) => Ok(message),
        Err(e) => Err(Error::refused(format!(
            "the signed message is malformed: {e}"
        ))),
    }
}

/// Why a signature is not believed.
enum Doubt {
    /// It is by none of the keys that are given, but by these.
    NoKey(Vec<String>),
    /// It is by one of them, and does not hold.
    Key(String),
}

impl Doubt {
    /// What is known of a key tells more than that another one is not.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::NoKey(mut one), Self::NoKey(two)) => {
                for issuer in two {
                    if !one.contains(&issuer) {
                        one.push(issuer);
                    }
                }
                Self::NoKey(one)
            }
            (known @ Self::Key(_), _) | (_, known) => known,
        }
    }
}

fn issuers(signature: &Signature) -> Vec<String> {
    let prints = signature.issuer_fingerprint();
    if prints.is_empty() {
        let ids = signature.issuer_key_id();
        ids.iter().map(|id| id.to_string()).collect()
    } else {
        prints.iter().map(|print| print.to_string()).collect()
    }
}

/// Whether the signature names this key; one that names none may be by any.
fn is_by(signature: &Signature, key: &impl KeyDetails) -> bool {
    let prints = signature.issuer_fingerprint();
    if !prints.is_empty() {
        return prints.contains(&&key.fingerprint());
    }
    let ids = signature.issuer_key_id();
    ids.is_empty() || ids.contains(&&key.legacy_key_id())
}

fn verified(signature: &Signature, key: &impl VerifyingKey, data: &[u8]) -> Result<(), String> {
    let print = key.fingerprint();
    if !matches!(
        signature.typ(),
        Some(SignatureType::Binary | SignatureType::Text)
    ) {
        return Err(format!("its signature by {print} is not one over data"));
    }
    match signature.hash_alg() {
        Some(
            HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha224
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512,
        ) => {}
        other => {
            let other = other.map_or("an unknown algorithm".to_owned(), |hash| hash.to_string());
            return Err(format!(
                "its signature by {print} is over a digest of {other}, which proves nothing"
            ));
        }
    }
    signature
        .verify(key, data)
        .map_err(|_| format!("its signature by {print} does not hold: it was changed"))
}

fn not_expired(signature: &Signature, at: Moment) -> Result<(), String> {
    let (Some(created), Some(expiration)) =
        (signature.created(), signature.signature_expiration_time())
    else {
        return Ok(());
    };
    let end = Moment::from_seconds(i64::from(created.as_secs()) + i64::from(expiration.as_secs()));
    if expiration.as_secs() > 0 && end <= at {
        return Err(format!("its signature expired at {end}"));
    }
    Ok(())
}

fn primary_is_good(key: &SignedPublicKey, at: Moment) -> Result<(), String> {
    let primary = &key.primary_key;
    let print = primary.fingerprint();
    let details = &key.details;
    if details
        .revocation_signatures
        .iter()
        .any(|signature| signature.verify_key(primary).is_ok())
    {
        return Err(format!("the key {print} was revoked"));
    }
    let direct = details
        .direct_signatures
        .iter()
        .filter(|signature| signature.verify_key(primary).is_ok());
    let users = details.users.iter().flat_map(|user| {
        user.signatures.iter().filter(|signature| {
            signature.is_certification()
                && signature
                    .verify_certification(primary, Tag::UserId, &user.id)
                    .is_ok()
        })
    });
    let Some(newest) = direct.chain(users).max_by_key(|s| s.created()) else {
        return Err(format!("the key {print} does not sign itself"));
    };
    in_time(primary.created_at(), newest, at)
        .map_err(|end| format!("the key {print} expired at {end}"))
}

fn subkey_is_good(
    key: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    at: Moment,
) -> Result<(), String> {
    let primary = &key.primary_key;
    let print = subkey.key.fingerprint();
    let holds = |signature: &&Signature| {
        signature
            .verify_subkey_binding(primary, &subkey.key)
            .is_ok()
    };
    let of_type = |typ| {
        subkey
            .signatures
            .iter()
            .filter(move |signature| signature.typ() == Some(typ))
    };
    if of_type(SignatureType::SubkeyRevocation).any(|s| holds(&s)) {
        return Err(format!("the subkey {print} was revoked"));
    }
    let Some(newest) = of_type(SignatureType::SubkeyBinding)
        .filter(holds)
        .max_by_key(|s| s.created())
    else {
        return Err(format!("the subkey {print} is not bound to its key"));
    };
    // Without the subkey's own word, anybody could claim the signatures of another's subkey.
    let agreed = newest.key_flags().sign()
        && newest.embedded_signature().is_some_and(|back| {
            back.verify_primary_key_binding(&subkey.key, primary)
                .is_ok()
        });
    if !agreed {
        return Err(format!("the subkey {print} may not sign"));
    }
    in_time(subkey.key.created_at(), newest, at)
        .map_err(|end| format!("the subkey {print} expired at {end}"))
}

/// Whether a key with this self-signature had not ended; else when it did.
fn in_time(created: Timestamp, newest: &Signature, at: Moment) -> Result<(), Moment> {
    match newest.key_expiration_time() {
        Some(expiration) if expiration.as_secs() > 0 => {
            let end = i64::from(created.as_secs()) + i64::from(expiration.as_secs());
            let end = Moment::from_seconds(end);
            if end <= at {
                Err(end)
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}

/// Signature packets, armored or binary.
fn signatures(data: &[u8]) -> Result<Vec<Signature>> {
    if data.is_empty() {
        return Err(Error::refused("the signature is empty"));
    }
    let binary =
        binary(data).map_err(|e| Error::refused(format!("the signature is malformed: {e}")))?;
    let mut signatures = Vec::new();
    for packet in PacketParser::new(&*binary).take(MOST_SIGNATURES) {
        match packet {
            Ok(Packet::Signature(signature)) => signatures.push(signature),
            Ok(_) => return Err(Error::refused("the signature holds other things as well")),
            Err(e) => return Err(Error::refused(format!("the signature is malformed: {e}"))),
        }
    }
    Ok(signatures)
}

/// Packets without their armor. Parsing is generic over what is read, and large: so it is always
/// bytes in memory, which also both kinds of files are.
fn binary(data: &[u8]) -> std::io::Result<Cow<'_, [u8]>> {
    if !data.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Ok(Cow::Borrowed(data));
    }
    let mut binary = Vec::new();
    Dearmor::new(data).read_to_end(&mut binary)?;
    Ok(Cow::Owned(binary))
}

/// A message must be the frame and what it frames: text before, after or between its parts would
/// be read by one program and not by another.
fn nothing_around(message: &str) -> Result<()> {
    let around = |what: &str| {
        Err(Error::refused(format!(
            "{what} stands around the signed text; only what is signed is used, so nothing else may be there"
        )))
    };
    let mut lines = message
        .split('\n')
        .map(|line| line.trim_end_matches(['\r', ' ', '\t']));
    if lines.next() != Some("-----BEGIN PGP SIGNED MESSAGE-----") {
        if message.contains("-----BEGIN PGP SIGNED MESSAGE-----") {
            return around("something");
        }
        return Err(Error::refused("it is no signed message"));
    }
    loop {
        match lines.next() {
            Some("") => break,
            Some(line) if line.starts_with("Hash:") => {}
            _ => return around("another header than `Hash`"),
        }
    }
    loop {
        match lines.next() {
            None => return Err(Error::refused("the signed message is cut short")),
            Some("-----BEGIN PGP SIGNATURE-----") => break,
            Some(line) if line.starts_with('-') && !line.starts_with("- ") => {
                return around("another frame");
            }
            Some(_) => {}
        }
    }
    loop {
        match lines.next() {
            None => return Err(Error::refused("the signed message is cut short")),
            Some("-----END PGP SIGNATURE-----") => break,
            Some(line) if line.starts_with('-') => return around("another frame"),
            Some(_) => {}
        }
    }
    if lines.all(str::is_empty) {
        Ok(())
    } else {
        around("something")
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint)
    }
}
