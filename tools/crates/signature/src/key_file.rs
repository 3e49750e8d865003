//! Files of keys: PEM (RFC 7468), and the numbers of an RSA key in it (RFC 8017, appendix A.1).

use p256::pkcs8::der::asn1::UintRef;
use p256::pkcs8::der::{Decode, Reader, SliceReader};
use p256::pkcs8::ObjectIdentifier;

use crate::Error;

/// RFC 5480, section 2.1.1.
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(crate) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
pub(crate) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// RFC 8410, section 3.
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 3279, section 2.3.1.
pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The one block of a PEM file that is a key: its label and what is in it.
pub(crate) fn block(bytes: &[u8], file: &str) -> Result<(String, Vec<u8>), Error> {
    let mut blocks = pem::parse_many(bytes)
        .map_err(|e| Error::malformed(file, format!("it is no PEM file: {e}")))?;
    // `openssl ecparam -genkey` writes the curve before the key, which names it again.
    blocks.retain(|block| block.tag() != "EC PARAMETERS");
    match <[pem::Pem; 1]>::try_from(blocks) {
        Ok([block]) => Ok((block.tag().to_owned(), block.into_contents())),
        Err(blocks) if blocks.is_empty() => Err(Error::malformed(
            file,
            "it is no key: a key begins with `-----BEGIN`",
        )),
        Err(blocks) => Err(Error::malformed(
            file,
            format!(
                "it holds {} keys and may hold one; give each a file of its own",
                blocks.len()
            ),
        )),
    }
}

/// Refuse an RSA key that vouches for nothing: a small or a huge modulus, or an exponent with
/// which everybody can sign. `der` is an RSAPublicKey.
pub(crate) fn check_rsa(der: &[u8], file: &str) -> Result<(), Error> {
    let numbers = |der| {
        let mut reader = SliceReader::new(der)?;
        let numbers = reader.sequence(|fields| {
            let modulus = UintRef::decode(fields)?;
            Ok((modulus, UintRef::decode(fields)?))
        })?;
        reader.finish(numbers)
    };
    let (modulus, exponent) = numbers(der)
        .map_err(|_| Error::malformed(file, "it is no RSA key: its numbers cannot be read"))?;
    let bits = bits(modulus.as_bytes());
    if !(2048..=8192).contains(&bits) {
        return Err(Error::malformed(
            file,
            format!("it is an RSA key of {bits} bits; there must be 2048 to 8192"),
        ));
    }
    let exponent = exponent.as_bytes();
    let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if !is_odd || exponent == [1] || self::bits(exponent) > 33 {
        return Err(Error::malformed(
            file,
            "it is an RSA key with an exponent that no tool chooses: it must be odd, at least 3, and have at most 33 bits",
        ));
    }
    Ok(())
}

fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    match number[zeros..].split_first() {
        Some((first, rest)) => rest.len() * 8 + 8 - first.leading_zeros() as usize,
        None => 0,
    }
}
