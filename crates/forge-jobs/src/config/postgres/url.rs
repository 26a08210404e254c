//! The URL of a Postgres database, as libpq understands it.
//!
//! No error here shows a part of the URL unless it cannot be a part of a password: a password with an unescaped `/`,
//! `?` or `@` ends up anywhere.

use super::super::secret::{Secret, shown};
use super::layer::Layer;
use super::values::{self, Pooler, PostgresHost, TlsMode};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::time::Duration;

const SCHEMES: [&str; 2] = ["postgres", "postgresql"];
const KNOWN: &str = "host, port, user, password, dbname, sslmode, sslrootcert, sslcert, sslkey, application_name, \
                     connect_timeout, keepalives_idle, tcp_user_timeout, target_session_attrs, schema and pooler";
const ESCAPES: &str = "in user, password and parameters write @ as %40, / as %2F, ? as %3F and & as %26";

/// What follows the scheme, if it is Postgres's.
pub(in super::super) fn after_scheme(url: &str) -> Option<&str> {
    url.split_once(':').filter(|(scheme, _)| SCHEMES.contains(scheme)).map(|(_, rest)| rest)
}

impl Layer {
    /// What a URL says, without its scheme and the colon.
    pub(in super::super) fn of_url(rest: &str) -> Result<Self, String> {
        let rest = rest
            .strip_prefix("//")
            .ok_or("two slashes are missing after the scheme, as in postgres://user@host/database")?;
        if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("it holds a space or a control character: write a space as %20".into());
        }
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if tail.contains('@') || authority.matches('@').count() > 1 {
            return Err(format!("it holds an @ beside the one before the host: {ESCAPES}"));
        }
        let mut layer = Self::default();
        let (user, host) = authority.split_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
        if let Some(user) = user {
            layer.set_user(user)?;
        }
        // A port that is none may be a password, unless that was given.
        layer.set_host(host, layer.password.is_some())?;
        let (path, params) = tail.split_once('?').unwrap_or((tail, ""));
        let path = path.strip_prefix('/').unwrap_or(path);
        if path.contains('/') {
            return Err(format!("the database's name holds a /; {ESCAPES}"));
        }
        if !path.is_empty() {
            layer.database = Some(values::database(&decoded(path, "the database's name")?)?);
        }
        layer.set_params(params)?;
        Ok(layer)
    }

    fn set_user(&mut self, text: &str) -> Result<(), String> {
        let (user, password) = text.split_once(':').map_or((text, None), |(u, p)| (u, Some(p)));
        let user = decoded(user, "the user")?;
        let password = password.map(|p| decoded(p, "the password")).transpose()?;
        if password.is_none() && user.contains(':') {
            return Err("the colon between user and password is written %3A: write it as it is".into());
        }
        self.user = Some(user).filter(|u| !u.is_empty());
        self.password = password.filter(|p| !p.is_empty()).map(Secret::new);
        Ok(())
    }

    fn set_host(&mut self, text: &str, told: bool) -> Result<(), String> {
        let (host, port) = if let Some(inner) = text.strip_prefix('[') {
            let (address, port) = inner.split_once(']').ok_or("the ] after an IPv6 address is missing")?;
            if !address.contains(':') {
                return Err("what stands in brackets is no IPv6 address: write a name without them".into());
            }
            if port.is_empty() {
                (address, "")
            } else {
                (
                    address,
                    port.strip_prefix(':').ok_or("after the ] of an IPv6 address a : and the port go on")?,
                )
            }
        } else {
            if text.contains(',') {
                PostgresHost::parse(",")?;
            }
            if text.matches(':').count() > 1 {
                return Err(
                    "the host holds several colons: write an IPv6 address in brackets, as in [::1]:5432, \
                            and a password before an @"
                        .into(),
                );
            }
            text.split_once(':').unwrap_or((text, ""))
        };
        if !host.is_empty() {
            self.host = Some(PostgresHost::parse(&decoded(host, "the host")?)?);
        }
        if !port.is_empty() {
            self.port = Some(values::port(&decoded(port, "the port")?, told)?);
        }
        Ok(())
    }

    fn set_params(&mut self, params: &str) -> Result<(), String> {
        let mut seen: Vec<String> = Vec::new();
        for param in params.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = param
                .split_once('=')
                .ok_or_else(|| format!("a parameter has no =, as in ?schema=jobs; {ESCAPES}"))?;
            let name = decoded(name, "the name of a parameter")?;
            let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
                return Err(format!(
                    "a parameter has a name that none has: those known are {KNOWN}; {ESCAPES}"
                ));
            }
            if value.contains('=') {
                return Err(format!(
                    "the parameter {name} holds a second =: & stands between two, and %3D in one"
                ));
            }
            if seen.contains(&name) {
                return Err(format!("the parameter {name} is given twice: leave one out"));
            }
            let value = decoded(value, "the value of a parameter")?;
            self.set_param(&name, value)?;
            seen.push(name);
        }
        Ok(())
    }

    fn set_param(&mut self, name: &str, value: String) -> Result<(), String> {
        let seconds = |value: &str| values::whole(name, value).map(|n| Duration::from_secs(n.into()));
        // As in libpq, an empty value of these says nothing.
        match name {
            "host" | "port" | "user" | "password" | "dbname" | "sslrootcert" | "sslcert" | "sslkey"
                if value.is_empty() => {}
            "host" => self.host = Some(PostgresHost::parse(&value)?),
            "port" => self.port = Some(values::port(&value, true)?),
            "user" => self.user = Some(value),
            "password" => self.password = Some(Secret::new(value)),
            "dbname" => self.database = Some(values::database(&value)?),
            "sslmode" => self.tls = Some(TlsMode::parse(name, &value)?),
            "sslrootcert" => self.root_cert = Some(PathBuf::from(value)),
            "sslcert" => self.client_cert = Some(PathBuf::from(value)),
            "sslkey" => self.client_key = Some(PathBuf::from(value)),
            "application_name" => self.application_name = Some(values::application_name(&value)?),
            "connect_timeout" => self.connect_timeout = Some(values::timeout(name, seconds(&value)?)?),
            "keepalives_idle" => self.keepalives_idle = Some(seconds(&value)?),
            "tcp_user_timeout" => {
                let ms = values::whole(name, &value)?;
                self.tcp_user_timeout = Some(Duration::from_millis(ms.into()));
            }
            "schema" => self.schema = Some(values::schema(&value)?),
            "pooler" => self.pooler = Some(Pooler::parse(&value)?),
            // What is written goes to a server that takes writes, whatever is said here.
            "target_session_attrs" if matches!(value.as_str(), "any" | "read-write") => {}
            "target_session_attrs" => {
                return Err(format!(
                    "target_session_attrs {} is not supported, as a queue writes: use read-write, or leave it out",
                    shown(&value)
                ));
            }
            "options" => {
                return Err(
                    "options are not supported, as poolers refuse them: set them for the role, with ALTER \
                            ROLE … SET …, and the schema with schema=NAME"
                        .into(),
                );
            }
            _ => return Err(format!("the parameter {name} is not known: those known are {KNOWN}")),
        }
        Ok(())
    }
}

/// Without percent escapes. `what` names the part in errors.
fn decoded(text: &str, what: &str) -> Result<String, String> {
    let whole = text
        .split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit));
    if !whole {
        return Err(format!("{what} holds a % that two hexadecimal digits do not follow: write % as %25"));
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| format!("{what} is no UTF-8"))?;
    if decoded.contains(char::is_control) {
        return Err(format!("{what} holds a control character"));
    }
    Ok(decoded.into_owned())
}
