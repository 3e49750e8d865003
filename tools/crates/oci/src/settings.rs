//! What somebody wants an image to be: the part of its configuration that is said, not computed.

use std::collections::BTreeMap;

use jiff::civil::{date, Date, DateTime};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{json, Platform};
use crate::{Error, ErrorKind, Result};

/// The time of everything that has no other: 1970.
pub const DEFAULT_CREATED: &str = "1970-01-01T00:00:00Z";

/// The settings of an image. What is absent comes from the base, or is left out.
///
/// Texts that are empty count as absent; an empty `entrypoint` or `cmd` is one: it removes
/// that of the base, as `ENTRYPOINT []` does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The program and its first arguments. Setting it drops the base's `cmd`.
    pub entrypoint: Option<Vec<String>>,
    /// The default arguments.
    pub cmd: Option<Vec<String>>,
    /// Environment variables; those of the base keep their place.
    pub env: BTreeMap<String, String>,
    /// Labels, merged with those of the base.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the manifest; those of a base are about the base and stay there.
    pub annotations: BTreeMap<String, String>,
    /// The user, and the group after a colon.
    pub user: Option<String>,
    /// The working directory; a relative one continues that of the base.
    pub working_dir: Option<String>,
    /// Ports such as `80`, `80/tcp`, `8000-8010/udp`, added to those of the base.
    pub exposed_ports: Option<Vec<String>>,
    /// Mount points, added to those of the base.
    pub volumes: Option<Vec<String>>,
    /// The signal that asks the program to end.
    pub stop_signal: Option<String>,
    /// The operating system; must be that of the base.
    pub os: Option<String>,
    /// The architecture; must be that of the base.
    pub architecture: Option<String>,
    /// The variant; must be that of the base.
    pub variant: Option<String>,
    /// RFC 3339, or seconds since 1970; [`DEFAULT_CREATED`] where absent.
    pub created: Option<String>,
    /// Whoever answers for the image.
    pub author: Option<String>,
}

/// Texts that are empty count as absent.
pub(crate) fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn wrong(pointer: String, what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Malformed, "the settings of the image", what).at(pointer)
}

impl Settings {
    /// Parse settings from JSON; `file` is their name in messages.
    pub fn parse(data: &[u8], file: &str) -> Result<Self> {
        json::parse(data, file)
    }

    /// The platform that is asked for: what is missing comes from `base`, else `linux` and
    /// no variant; there is no default for the architecture.
    pub fn platform(&self, base: Option<&Platform>) -> Result<Platform> {
        // A base may name neither, as `crane append` writes it.
        let of_base = |part: fn(&Platform) -> &String| {
            base.map(part).filter(|part| !part.is_empty()).cloned()
        };
        let asked = Platform {
            os: given(&self.os)
                .map(str::to_owned)
                .or_else(|| of_base(|base| &base.os))
                .unwrap_or_else(|| "linux".into()),
            architecture: given(&self.architecture)
                .map(str::to_owned)
                .or_else(|| of_base(|base| &base.architecture))
                .ok_or_else(|| {
                    wrong(
                        "/architecture".into(),
                        "is missing, and there is no base that names one; say it with --platform=linux/amd64 for example",
                    )
                })?,
            // A variant belongs to the architecture it was said with.
            variant: given(&self.variant)
                .map(str::to_owned)
                .or_else(|| match given(&self.architecture) {
                    None => base.and_then(|base| base.variant.clone()),
                    Some(_) => None,
                }),
            os_version: base.and_then(|base| base.os_version.clone()),
            os_features: base.map(|base| base.os_features.clone()).unwrap_or_default(),
        };
        let written = asked.spelled();
        let Some(base) = base else {
            return Ok(written);
        };
        let asked = written;
        if !asked.matches(base) {
            // For years configs had no place for a variant.
            if base.variant.as_deref().is_none_or(str::is_empty) && !asked.contradicts(base) {
                return Ok(asked);
            }
            return Err(Error::new(
                ErrorKind::Mismatch,
                "the base",
                format!("is for {base}, and the image is to be for {asked}; choose a base for {asked}, or build for {base}"),
            ));
        }
        // The base's own spelling stays: `arm64/v8` does not become `arm64`.
        Ok(base.clone())
    }

    /// The time of the image, in RFC 3339.
    pub(crate) fn created(&self) -> Result<String> {
        let Some(text) = given(&self.created) else {
            return Ok(DEFAULT_CREATED.into());
        };
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().ok().and_then(rfc3339).ok_or_else(|| {
                wrong(
                    "/created".into(),
                    format!("`{text}` seconds lie beyond the year 9999"),
                )
            });
        }
        if !is_rfc3339(text) {
            return Err(wrong(
                "/created".into(),
                format!(
                    "`{text}` is not a time; write 2024-05-06T07:08:09Z, or seconds since 1970"
                ),
            ));
        }
        Ok(text.into())
    }

    /// The `config` object of an image config: that of the base, changed by these settings.
    pub(crate) fn apply(
        &self,
        mut config: Map<String, Value>,
        platform: &Platform,
    ) -> Result<Map<String, Value>> {
        // What Go writes for nothing.
        config.retain(|_, value| !value.is_null());
        // About the container in which an old builder made the base, not about the base.
        for key in [
            "AttachStderr",
            "AttachStdin",
            "AttachStdout",
            "Domainname",
            "Hostname",
            "Image",
            "OpenStdin",
            "StdinOnce",
            "Tty",
        ] {
            config.remove(key);
        }
        if let Some(triggers) = config.remove("OnBuild") {
            if triggers
                .as_array()
                .is_none_or(|triggers| !triggers.is_empty())
            {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the base's config",
                    "asks for build steps (ONBUILD) that only a Dockerfile build can run; choose a base without them",
                )
                .at("/config/OnBuild"));
            }
        }
        self.apply_command(&mut config);
        self.apply_env(&mut config)?;
        if self.labels.keys().any(String::is_empty) {
            return Err(wrong("/labels".into(), "a label needs a name"));
        }
        merge(
            &mut config,
            "Labels",
            self.labels
                .iter()
                .map(|(k, v)| (k.clone(), v.clone().into())),
        )?;
        for (key, value) in [
            ("User", given(&self.user)),
            ("StopSignal", given(&self.stop_signal)),
        ] {
            if let Some(value) = value {
                config.insert(key.into(), value.into());
            }
        }
        if let Some(signal) = given(&self.stop_signal) {
            let known = signal.bytes().all(|b| b.is_ascii_digit())
                || signal.strip_prefix("SIG").is_some_and(|rest| {
                    !rest.is_empty()
                        && rest.bytes().all(|b| {
                            b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-')
                        })
                });
            if !known {
                return Err(wrong(
                    "/stop_signal".into(),
                    format!("`{signal}` is not a signal; write SIGTERM, SIGRTMIN+3 or a number"),
                ));
            }
        }
        if let Some(dir) = given(&self.working_dir) {
            let dir = self.working_dir_on(dir, config.get("WorkingDir"), platform);
            config.insert("WorkingDir".into(), dir.into());
        }
        let mut ports = Vec::new();
        for (i, port) in self.exposed_ports.iter().flatten().enumerate() {
            expand_port(port, &mut ports).ok_or_else(|| {
                wrong(
                    format!("/exposed_ports/{i}"),
                    format!("`{port}` is not a port; write 80, 80/tcp, 53/udp, 80/sctp or 8000-8010/tcp"),
                )
            })?;
        }
        merge(
            &mut config,
            "ExposedPorts",
            ports.into_iter().map(|p| (p, Map::new().into())),
        )?;
        for (i, volume) in self.volumes.iter().flatten().enumerate() {
            if volume.is_empty() {
                return Err(wrong(
                    format!("/volumes/{i}"),
                    "is empty; name a path such as /data",
                ));
            }
        }
        merge(
            &mut config,
            "Volumes",
            self.volumes
                .iter()
                .flatten()
                .map(|v| (v.clone(), Map::new().into())),
        )?;
        Ok(config)
    }

    fn apply_command(&self, config: &mut Map<String, Value>) {
        let mut set = |key: &str, value: &[String]| {
            if value.is_empty() {
                config.remove(key);
            } else {
                config.insert(key.into(), value.into());
            }
        };
        if let Some(entrypoint) = &self.entrypoint {
            set("Entrypoint", entrypoint);
            // The base's arguments were meant for the base's program.
            set("Cmd", &[]);
        }
        if let Some(cmd) = &self.cmd {
            set("Cmd", cmd);
        }
        if self.entrypoint.is_some() || self.cmd.is_some() {
            config.remove("ArgsEscaped");
        }
    }

    fn apply_env(&self, config: &mut Map<String, Value>) -> Result<()> {
        let mut env: Vec<String> = match config.remove("Env") {
            None => Vec::new(),
            Some(value) => serde_json::from_value(value).map_err(|_| {
                Error::new(
                    ErrorKind::Malformed,
                    "the base's config",
                    "is not a list of NAME=VALUE texts",
                )
                .at("/config/Env")
            })?,
        };
        let key_of = |line: &str| line.split('=').next().unwrap_or_default().to_owned();
        for (key, value) in &self.env {
            if key.is_empty() || key.contains('=') || key.contains('\0') || value.contains('\0') {
                return Err(wrong(
                    "/env".into(),
                    format!(
                        "{key:?} is not the name of a variable, or its value holds a zero byte"
                    ),
                ));
            }
            let line = format!("{key}={value}");
            match env.iter_mut().find(|old| key_of(old) == *key) {
                Some(old) => *old = line,
                None => env.push(line),
            }
        }
        if !env.is_empty() {
            config.insert("Env".into(), env.into());
        }
        Ok(())
    }

    fn working_dir_on(&self, dir: &str, base: Option<&Value>, platform: &Platform) -> String {
        // Windows has drives and two kinds of separators; what is said stands.
        if dir.starts_with('/') || platform.os == "windows" {
            return dir.to_owned();
        }
        let base = base.and_then(Value::as_str).unwrap_or("");
        let base = base.trim_end_matches('/');
        if base.starts_with('/') || base.is_empty() {
            format!("{base}/{dir}")
        } else {
            format!("/{base}/{dir}")
        }
    }
}

/// Add members to an object inside `config`; an empty object is left out.
fn merge(
    config: &mut Map<String, Value>,
    key: &str,
    members: impl Iterator<Item = (String, Value)>,
) -> Result<()> {
    let mut object = match config.remove(key) {
        None => Map::new(),
        Some(Value::Object(object)) => object,
        Some(_) => {
            return Err(Error::new(
                ErrorKind::Malformed,
                "the base's config",
                "is not an object",
            )
            .at(format!("/config/{key}")))
        }
    };
    object.extend(members);
    if !object.is_empty() {
        config.insert(key.into(), object.into());
    }
    Ok(())
}

/// `8000-8002/udp` is three ports; without a protocol it is `tcp`.
fn expand_port(text: &str, ports: &mut Vec<String>) -> Option<()> {
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !matches!(protocol, "tcp" | "udp" | "sctp") {
        return None;
    }
    let number = |text: &str| -> Option<u16> {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
            .filter(|&n| n > 0)
    };
    let (first, last) = match numbers.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(numbers)?, number(numbers)?),
    };
    if first > last {
        return None;
    }
    ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
    Some(())
}

/// Seconds since 1970 as a time in UTC; the calendar is computed, no clock or zone is read.
fn rfc3339(seconds: i64) -> Option<String> {
    let epoch: DateTime = date(1970, 1, 1).into();
    let moment = epoch.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    Some(format!("{moment}Z"))
}

/// Whether the text has the form of RFC 3339's date-time, with numbers that can be.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 20 {
        return false;
    }
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        let part = bytes.get(range)?;
        part.iter()
            .all(u8::is_ascii_digit)
            .then(|| part.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
    };
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if shape.iter().any(|&(at, byte)| bytes[at] != byte) {
        return false;
    }
    let (Some(year), Some(month), Some(day), Some(hour), Some(minute), Some(second)) = (
        number(0..4),
        number(5..7),
        number(8..10),
        number(11..13),
        number(14..16),
        number(17..19),
    ) else {
        return false;
    };
    // Numbers of two and four digits: none is cut.
    if Date::new(year as i16, month as i8, day as i8).is_err()
        || hour > 23
        || minute > 59
        || second > 60
    {
        return false;
    }
    let mut rest = &bytes[19..];
    if rest[0] == b'.' {
        let digits = rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 || digits > 9 {
            return false;
        }
        rest = &rest[1 + digits..];
    }
    let start = bytes.len() - rest.len();
    match rest {
        [b'Z'] => true,
        [b'+' | b'-', _, _, b':', _, _] => {
            number(start + 1..start + 3).is_some_and(|h| h < 24)
                && number(start + 4..start + 6).is_some_and(|m| m < 60)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            _ => unreachable!(),
        }
    }

    fn apply(settings: Value, base: Value) -> Value {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        Value::Object(
            settings
                .apply(object(base), &Platform::new("linux", "amd64", None))
                .unwrap(),
        )
    }

    fn error(settings: Value, base: Value) -> String {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        settings
            .apply(object(base), &Platform::new("linux", "amd64", None))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_entrypoint_drops_the_base_s_arguments() {
        let base = json!({"Entrypoint": ["/old"], "Cmd": ["arg"], "ArgsEscaped": true});
        assert_eq!(apply(json!({}), base.clone()), base);
        assert_eq!(
            apply(json!({"entrypoint": ["/new"]}), base.clone()),
            json!({"Entrypoint": ["/new"]})
        );
        assert_eq!(
            apply(json!({"entrypoint": ["/new"], "cmd": ["x"]}), base.clone()),
            json!({"Entrypoint": ["/new"], "Cmd": ["x"]})
        );
        assert_eq!(
            apply(json!({"cmd": ["x"]}), base.clone()),
            json!({"Entrypoint": ["/old"], "Cmd": ["x"]})
        );
        assert_eq!(apply(json!({"entrypoint": []}), base), json!({}));
    }

    #[test]
    fn variables_keep_the_base_s_order() {
        assert_eq!(
            apply(
                json!({"env": {"Z": "1", "PATH": "/x", "A": "a=b"}}),
                json!({"Env": ["PATH=/bin", "HOME=/", "ODD"]})
            ),
            json!({"Env": ["PATH=/x", "HOME=/", "ODD", "A=a=b", "Z=1"]})
        );
        assert!(error(json!({"env": {"A=B": ""}}), json!({})).contains("/env"));
        assert!(error(json!({}), json!({"Env": [1]})).contains("/config/Env"));
    }

    #[test]
    fn sets_are_merged() {
        assert_eq!(
            apply(
                json!({"exposed_ports": ["80", "8000-8002/udp"], "volumes": ["/data"], "labels": {"a": "2"}}),
                json!({"ExposedPorts": {"22/tcp": {}}, "Volumes": null, "Labels": {"a": "1", "b": "1"}})
            ),
            json!({
                "ExposedPorts": {"22/tcp": {}, "80/tcp": {}, "8000/udp": {}, "8001/udp": {}, "8002/udp": {}},
                "Volumes": {"/data": {}},
                "Labels": {"a": "2", "b": "1"}
            })
        );
        for port in ["", "0", "65536", "80/http", "x", "90-80", "+80", "80/"] {
            assert!(
                error(json!({"exposed_ports": ["1", port]}), json!({}))
                    .contains("/exposed_ports/1"),
                "{port}"
            );
        }
        assert!(
            error(json!({"labels": {"a": "b"}}), json!({"Labels": 1})).contains("/config/Labels")
        );
    }

    #[test]
    fn unknown_members_of_a_base_survive() {
        let base = json!({"Healthcheck": {"Test": ["NONE"]}, "Shell": ["/bin/bash"], "Future": 1});
        assert_eq!(apply(json!({}), base.clone()), base);
        assert_eq!(
            apply(
                json!({}),
                json!({"Hostname": "b1ac", "Image": "sha256:x", "Tty": false, "OnBuild": []})
            ),
            json!({})
        );
        assert!(error(json!({}), json!({"OnBuild": ["RUN x"]})).contains("/config/OnBuild"));
    }

    #[test]
    fn working_directories_continue() {
        let dir =
            |dir: &str, base: Value| apply(json!({"working_dir": dir}), base)["WorkingDir"].clone();
        assert_eq!(dir("/x", json!({"WorkingDir": "/srv"})), "/x");
        assert_eq!(dir("x", json!({"WorkingDir": "/srv/"})), "/srv/x");
        assert_eq!(dir("x", json!({"WorkingDir": "/"})), "/x");
        assert_eq!(dir("x", json!({})), "/x");
        assert_eq!(
            apply(json!({"working_dir": ""}), json!({"WorkingDir": "/srv"}))["WorkingDir"],
            "/srv"
        );
    }

    #[test]
    fn signals() {
        for signal in ["SIGTERM", "SIGRTMIN+3", "9"] {
            assert_eq!(
                apply(json!({"stop_signal": signal}), json!({}))["StopSignal"],
                signal
            );
        }
        for signal in ["term", "SIG", "SIG term", "-9"] {
            assert!(error(json!({"stop_signal": signal}), json!({})).contains("/stop_signal"));
        }
    }

    #[test]
    fn times() {
        let created = |text: &str| {
            Settings {
                created: Some(text.into()),
                ..Settings::default()
            }
            .created()
        };
        assert_eq!(Settings::default().created().unwrap(), DEFAULT_CREATED);
        assert_eq!(created("").unwrap(), DEFAULT_CREATED);
        assert_eq!(created("0").unwrap(), DEFAULT_CREATED);
        assert_eq!(created("951782400").unwrap(), "2000-02-29T00:00:00Z");
        assert_eq!(created("1700000000").unwrap(), "2023-11-14T22:13:20Z");
        assert_eq!(created("253402300799").unwrap(), "9999-12-31T23:59:59Z");
        assert!(created("253402300800").is_err());
        assert!(created("99999999999999999999999").is_err());
        for good in [
            "2024-05-06T07:08:09Z",
            "2024-02-29T07:08:09.123456789+01:30",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(created(good).unwrap(), good);
        }
        for bad in [
            "2023-02-29T00:00:00Z",
            "2024-05-06",
            "2024-05-06 07:08:09Z",
            "2024-05-06T07:08:09",
            "2024-13-01T00:00:00Z",
            "2024-05-06T24:00:00Z",
            "2024-05-06T07:08:09.Z",
            "2024-05-06T07:08:09+1:30",
            "yesterday",
            "é024-05-06T07:08:09Z",
        ] {
            assert!(created(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn platforms() {
        let base = Platform::new("linux", "arm64", Some("v8"));
        let settings = |os: &str, architecture: &str, variant: &str| Settings {
            os: Some(os.into()),
            architecture: Some(architecture.into()),
            variant: Some(variant.into()),
            ..Settings::default()
        };
        assert_eq!(Settings::default().platform(Some(&base)).unwrap(), base);
        assert_eq!(
            settings("linux", "arm64", "")
                .platform(Some(&base))
                .unwrap(),
            base
        );
        let error = settings("linux", "amd64", "")
            .platform(Some(&base))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("linux/arm64/v8") && error.contains("linux/amd64"),
            "{error}"
        );
        assert_eq!(
            settings("", "amd64", "")
                .platform(None)
                .unwrap()
                .to_string(),
            "linux/amd64"
        );
        assert!(Settings::default()
            .platform(None)
            .unwrap_err()
            .to_string()
            .contains("--platform"));
        // A base that names no platform contradicts none.
        let unnamed = Platform::default();
        assert_eq!(
            settings("", "arm", "v6")
                .platform(Some(&unnamed))
                .unwrap()
                .to_string(),
            "linux/arm/v6"
        );
        assert!(Settings::default().platform(Some(&unnamed)).is_err());
    }
}
