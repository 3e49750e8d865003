//! Values that are never shown.

use std::fmt;

use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use zeroize::Zeroizing;

/// A password, a token or a header that holds one.
///
/// Neither `Debug` nor `Display` say anything of it, and its memory is overwritten when it
/// is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keep a value secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The value itself, for whoever sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a text of others repeats it: as it is, or, where it is a header of credentials,
    /// what stands after the scheme, or the password that is encoded there.
    pub fn is_in(&self, text: &str) -> bool {
        let said = |secret: &str| !secret.is_empty() && text.contains(secret);
        let value = self.expose();
        let Some((scheme, rest)) = value.split_once(' ') else {
            return said(value);
        };
        if said(rest) {
            return true;
        }
        scheme.eq_ignore_ascii_case("basic")
            && STANDARD.decode(rest.trim()).is_ok_and(|data| {
                let data = Zeroizing::new(data);
                let pair = Zeroizing::new(String::from_utf8_lossy(&data).into_owned());
                pair.split_once(':')
                    .is_some_and(|(_, password)| said(password))
            })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_says_nothing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "[secret] [secret]");
        assert_eq!(format!("{:?}", Some(secret)), "Some([secret])");
    }

    #[test]
    fn what_repeats_a_secret_is_found() {
        // user:s3cret
        let basic = Secret::new("Basic dXNlcjpzM2NyZXQ=");
        for text in [
            "wrong password s3cret",
            "no: dXNlcjpzM2NyZXQ=",
            "Basic dXNlcjpzM2NyZXQ= is wrong",
        ] {
            assert!(basic.is_in(text), "{text}");
        }
        for text in ["", "unauthorized", "Basic is not taken of user"] {
            assert!(!basic.is_in(text), "{text}");
        }
        let token = Secret::new("Bearer eyJ0");
        assert!(token.is_in("token eyJ0 has expired"));
        assert!(!token.is_in("Bearer tokens are not taken"));
    }
}
