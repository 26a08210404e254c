//! The password file of libpq: `PGPASSFILE`, else `.pgpass` in the home directory.

use super::super::environment::Environment;
use super::super::secret::Secret;
use super::values::PostgresHost;
use crate::limits::MAX_PASSFILE_BYTES;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Directories that libpq takes for the default one, depending on who built it. There a host is called `localhost`.
const DEFAULT_SOCKETS: [&str; 3] = ["/tmp", "/run/postgresql", "/var/run/postgresql"];

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Password(Secret),
    /// No file, or no line that fits.
    Nothing,
    /// The file was not read, and why.
    Unfit(String),
}

/// Looks for the password of this user.
pub(super) fn look(
    environment: &Environment,
    host: &PostgresHost,
    port: u16,
    database: &str,
    user: &str,
) -> Found {
    let Some(file) = environment.get("PGPASSFILE").map(PathBuf::from).or_else(|| default_file(environment))
    else {
        return Found::Nothing;
    };
    let text = match read(&file) {
        Ok(Some(text)) => text,
        Ok(None) => return Found::Nothing,
        Err(why) => return Found::Unfit(format!("the password file {} was not read: {why}", file.display())),
    };
    let host = match host {
        PostgresHost::Name(name) => name.clone(),
        PostgresHost::SocketDir(dir) if DEFAULT_SOCKETS.iter().any(|d| dir == Path::new(d)) => {
            "localhost".into()
        }
        PostgresHost::SocketDir(dir) => dir.to_string_lossy().into_owned(),
    };
    let wanted = [host.as_str(), &port.to_string(), database, user];
    let password = text.lines().find_map(|line| password_of(line, wanted));
    password.filter(|p| !p.is_empty()).map_or(Found::Nothing, |p| Found::Password(Secret::new(p)))
}

fn default_file(environment: &Environment) -> Option<PathBuf> {
    if cfg!(windows) {
        return environment.get("APPDATA").map(|dir| PathBuf::from(dir).join("postgresql/pgpass.conf"));
    }
    environment.home().map(|dir| dir.join(".pgpass"))
}

/// The text; `None` if there is no file.
fn read(file: &Path) -> Result<Option<String>, String> {
    // Looked at first: opening a pipe would wait for its other end.
    match file.metadata() {
        Ok(meta) if !meta.is_file() => return Err("it is no regular file".into()),
        Ok(_) => {}
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(e.to_string()),
    }
    let opened = File::open(file).map_err(|e| e.to_string())?;
    if is_open_to_others(&opened)? {
        return Err("its group or others may use it: `chmod 600` it".into());
    }
    let mut text = String::new();
    opened.take(MAX_PASSFILE_BYTES).read_to_string(&mut text).map_err(|e| e.to_string())?;
    Ok(Some(text))
}

#[cfg(unix)]
fn is_open_to_others(file: &File) -> Result<bool, String> {
    use std::os::unix::fs::PermissionsExt;
    let meta = file.metadata().map_err(|e| e.to_string())?;
    Ok(meta.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "one signature for all systems")]
const fn is_open_to_others(_file: &File) -> Result<bool, String> {
    Ok(false)
}

/// The password of a line `host:port:database:user:password`, if it is the one of `wanted`.
fn password_of(line: &str, wanted: [&str; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let mut rest = line;
    for field in wanted {
        let (raw, text, after) = next_field(rest);
        rest = after?;
        // An asterisk stands for everything only if it stands alone.
        if raw != "*" && text != field {
            return None;
        }
    }
    Some(next_field(rest).1)
}

/// A field as it is written, without its backslashes, and what follows its colon, if there is one.
fn next_field(text: &str) -> (&str, String, Option<&str>) {
    let mut field = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ':' => return (&text[..at], field, Some(&text[at + 1..])),
            '\\' => field.push(chars.next().map_or('\\', |(_, escaped)| escaped)),
            c => field.push(c),
        }
    }
    (text, field, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    const WANTED: [&str; 4] = ["db.example", "5432", "shop", "app"];

    #[test]
    fn a_line_fits_by_all_four_fields_asterisks_and_escapes() {
        for (line, password) in [
            ("db.example:5432:shop:app:one", Some("one")),
            ("*:*:*:*:two", Some("two")),
            ("db.example:*:shop:*:thr\\:ee\\\\", Some("thr:ee\\")),
            ("db.example:5432:shop:app:four:more", Some("four")),
            ("db.example:5433:shop:app:no", None),
            ("d*:5432:shop:app:no", None),
            ("\\*:5432:shop:app:no", None),
            ("#*:*:*:*:no", None),
            ("db.example:5432:shop", None),
            ("", None),
        ] {
            assert_eq!(password_of(line, WANTED).as_deref(), password, "{line}");
        }
        assert_eq!(password_of("::1:x", ["", "", "1", "x"]), None);
        assert_eq!(password_of("\\:\\:1:5432:a:b:v6", ["::1", "5432", "a", "b"]).as_deref(), Some("v6"));
    }

    fn look_in(file: &Path, host: &str) -> Found {
        let made = HashMap::from([("PGPASSFILE".to_owned(), file.as_os_str().to_owned())]);
        look(&Environment::Made(made), &PostgresHost::parse(host).unwrap(), 5432, "shop", "app")
    }

    #[cfg(unix)]
    #[test]
    fn the_first_line_that_fits_counts_and_a_file_open_to_others_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pass");
        assert_eq!(look_in(&file, "db.example"), Found::Nothing);
        let text = "other:*:*:*:no\nlocalhost:*:*:*:socket\ndb.example:*:*:*:first\n*:*:*:*:second\n";
        std::fs::write(&file, text).unwrap();
        for mode in [0o640, 0o604, 0o644] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let Found::Unfit(note) = look_in(&file, "db.example") else { panic!("{mode:o}") };
            assert!(note.contains("chmod 600") && !note.contains("first"), "{note}");
        }
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        for (host, password) in
            [("db.example", "first"), ("/run/postgresql", "socket"), ("/elsewhere", "second")]
        {
            assert_eq!(look_in(&file, host), Found::Password(Secret::new(password)));
        }
        assert!(matches!(look_in(dir.path(), "db.example"), Found::Unfit(_)));
    }
}
