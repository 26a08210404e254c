//! Files, variables and URLs together.

use super::*;
use std::collections::HashMap;
use std::ffi::OsString;

/// What must be seen nowhere.
const CANARY: &str = "hunter2";

fn load(text: &str) -> Result<DatabaseConfig, ConfigError> {
    load_with(text, &[])
}

/// With this file and these variables.
fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<DatabaseConfig, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
    let made = std::iter::once(&("USER", "me")).chain(variables);
    let made: HashMap<_, OsString> = made.map(|(name, value)| ((*name).into(), value.into())).collect();
    DatabaseConfig::load_in(dir.path(), &Environment::Made(made))
}

fn postgres(text: &str, variables: &[(&str, &str)]) -> PostgresConfig {
    load_with(text, variables).unwrap().postgres().unwrap().clone()
}

#[test]
fn a_missing_file_means_the_defaults() {
    let config = DatabaseConfig::load_file(Path::new("/nowhere/forge.toml")).unwrap();
    assert_eq!(
        config,
        DatabaseConfig {
            target: Target::Default,
            synchronous: Synchronous::Full,
            share_file: false,
            postgres: Layer::default()
        }
    );
}

/// What a program says to open its database in one directory, in each way that it can be written.
#[test]
fn a_path_says_where_configuration_and_data_are() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), "[sqlite]\nshare_file = true\n").unwrap();
    let none = Environment::Made(HashMap::new());
    let (path, owned, text) = (dir.path(), dir.path().to_owned(), dir.path().to_str().unwrap());
    for (config, file) in [
        (DatabaseConfig::load_in(path, &none), &|c: &DatabaseConfig| c.sqlite_file(path)),
        (DatabaseConfig::load_in(&owned, &none), &|c: &DatabaseConfig| c.sqlite_file(&owned)),
        (DatabaseConfig::load_in(text, &none), &|c: &DatabaseConfig| c.sqlite_file(text)),
    ] as [(_, &dyn Fn(&DatabaseConfig) -> _); 3]
    {
        let config = config.unwrap();
        assert!(config.share_file, "the file of settings was read");
        assert_eq!(file(&config).unwrap(), Some(path.join("forge.db")));
    }
}

#[test]
fn a_file_sets_url_and_synchronous() {
    let config =
        load("[database]\nurl = \"sqlite:/x/y.db\"\n[sqlite]\nsynchronous = \"normal\"\nshare_file = true\n")
            .unwrap();
    assert!(config.share_file);
    assert_eq!(config.target, Target::SqliteFile("/x/y.db".into()));
    assert_eq!(config.synchronous, Synchronous::Normal);
    assert_eq!(config.postgres(), None);
}

#[test]
fn a_typo_is_reported_with_file_line_and_key() {
    for (text, line, key) in [
        ("[database]\n\nurll = \"sqlite:x\"\n", ":3:", "urll"),
        ("[sqlite]\nsynchronous = \"ful\"\n", ":2:", "ful"),
        ("[databse]\n", ":1:", "databse"),
        ("[database]\nurl = 5\n", ":2:", "string"),
        ("[database\n", ":1:", ""),
        ("[postgres]\nschemas = \"x\"\n", ":2:", "schemas"),
        ("[postgres]\n\nschema = \"Jobs\"\n", ":3:", "\"Jobs\""),
        ("[postgres]\ntls = \"yes\"\n", ":2:", "verify-full"),
        ("[postgres]\nconnections = 0\n", ":2:", "connections 0 is out of range: use 1 to 64"),
        ("[postgres]\nconnections = 65\n", ":2:", "use 1 to 64"),
        ("[postgres]\nread_connections = 17\n", ":2:", "use 1 to 16"),
        ("[postgres]\nconnections = -1\n", ":2:", "connections -1"),
        ("[postgres]\nconnections = \"4\"\n", ":2:", "expected i64"),
        ("[postgres]\nconnect_timeout_ms = 99\n", ":2:", "100 ms to 600 s"),
        ("[postgres]\ncall_timeout_ms = 600001\n", ":2:", "call_timeout_ms is out of range with 600001 ms"),
        ("[postgres]\nread_timeout_ms = -5\n", ":2:", "read_timeout_ms -5"),
        ("[postgres]\npooler = \"session\"\n", ":2:", "auto, none or transaction"),
        ("[postgres]\nlisten = \"yes\"\n", ":2:", "bool"),
        ("[postgres]\npassword = \"x\"\n", ":2:", "password"),
    ] {
        let e = load(text).unwrap_err().to_string();
        assert!(e.contains("forge.toml") && e.contains(line) && e.contains(key), "{e}");
    }
}

#[test]
fn urls_are_understood_or_refused_without_being_shown() {
    for (url, remedy) in [
        ("sqlite://a.db/x.db", "sqlite:///DIR/FILE"),
        ("sqlite:x.db?mode=ro", "parameters"),
        ("sqlite:~/x.db", "write the path out"),
        ("sqlite://", "needs a path"),
    ] {
        let e = DatabaseConfig::from_url(url).unwrap_err().to_string();
        assert!(e.contains(remedy), "{e}");
    }
    for url in ["sqlite:", "mysql://me:hunter2@host/db", "POSTGRES://me:hunter2@host/db", "a.db", ""] {
        let e = DatabaseConfig::from_url(url).unwrap_err().to_string();
        assert!(e.contains("sqlite:") && !e.contains(CANARY), "{e}");
    }
}

#[test]
fn every_key_of_the_section_counts() {
    let config = postgres(
        "[database]\nurl = \"postgres://app@db.example/shop\"\n[postgres]\nschema = \"jobs\"\ntls = \"verify-ca\"\n\
         tls_root_cert = \"/r\"\ntls_client_cert = \"/c\"\ntls_client_key = \"/k\"\nconnections = 8\n\
         read_connections = 3\nconnect_timeout_ms = 1000\ncall_timeout_ms = 2000\nread_timeout_ms = 3000\n\
         pooler = \"none\"\nlisten = false\nauto_migrate = true\n",
        &[],
    );
    let ms = std::time::Duration::from_millis;
    let expected = PostgresConfig::resolve(
        "//app@db.example/shop",
        "",
        Layer::default(),
        &Environment::Made(HashMap::new()),
    );
    let expected = expected
        .and_then(|c| c.with_schema("jobs")?.with_connections(8)?.with_read_connections(3))
        .and_then(|c| c.with_connect_timeout(ms(1000))?.with_call_timeout(ms(2000)))
        .and_then(|c| c.with_read_timeout(ms(3000)))
        .unwrap()
        .with_tls(crate::config::TlsMode::VerifyCa)
        .with_tls_root_cert("/r")
        .with_tls_client("/c", "/k")
        .with_pooler(crate::config::Pooler::None)
        .without_listen()
        .with_auto_migrate();
    assert_eq!(config, expected);
}

#[test]
fn the_file_in_the_documentation_is_understood_and_holds_the_defaults() {
    let lines = include_str!("../database.rs").lines();
    let lines = lines.skip_while(|line| *line != "/// ```toml").skip(1).take_while(|line| *line != "/// ```");
    // All but the paths.
    let lines = lines.map(|line| line.trim_start_matches("///").trim()).filter(|l| !l.starts_with("tls_"));
    let text = lines.collect::<Vec<_>>().join("\n");
    assert!(text.contains("auto_migrate"), "{text}");
    let url = ("FORGE_DATABASE_URL", "postgres://");
    assert_eq!(postgres(&text, &[url]), postgres("", &[url]));
}

#[test]
fn the_url_wins_over_the_file_and_the_file_over_the_variables_of_libpq() {
    const FILE: &str =
        "[database]\nurl = \"postgres://host/a\"\n[postgres]\nschema = \"one\"\ntls = \"require\"\n";
    let variables =
        [("PGSSLMODE", "disable"), ("PGUSER", "pg"), ("PGHOST", "other.example"), ("PGPORT", "1")];
    let config = postgres(FILE, &variables);
    assert_eq!(config.describe(), "postgres://pg@host:1/a (schema one)");
    assert_eq!(config.tls().as_str(), "require");

    let url = ("FORGE_DATABASE_URL", "postgres://you@/b?schema=two&sslmode=prefer");
    let config = postgres(FILE, &[&variables[..], &[url]].concat());
    assert_eq!(config.describe(), "postgres://you@other.example:1/b (schema two)");
    assert_eq!(config.tls().as_str(), "prefer");

    let schema = ("FORGE_DATABASE_SCHEMA", "three");
    assert_eq!(postgres(FILE, &[url, schema]).schema(), "three");
    assert_eq!(postgres(FILE, &[schema]).schema(), "three");
    // A URL on a command line is younger than the variable.
    let config = load_with(FILE, &[schema]).unwrap();
    assert_eq!(config.clone().with_url("postgres://you@host").unwrap().postgres().unwrap().schema(), "three");
    let config = config.with_url("postgres://you@host?schema=four").unwrap();
    assert_eq!(config.postgres().unwrap().schema(), "four");
    assert_eq!(config.with_schema("five").unwrap().postgres().unwrap().schema(), "five");
}

#[test]
fn a_variable_that_is_not_understood_is_named_and_only_if_it_counts() {
    for (name, value, remedy) in [
        ("PGPORT", "0", "\"0\""),
        ("PGHOST", "a.example,b.example", "several hosts"),
        ("PGSSLMODE", "allow", "prefer"),
        ("PGDATABASE", "dbname=x", "name alone"),
        ("FORGE_DATABASE_SCHEMA", "pg_x", "Postgres's own"),
        ("FORGE_DATABASE_SCHEMA", "jobs; --", "use a-z"),
    ] {
        let url = ("FORGE_DATABASE_URL", "postgres://");
        let e = load_with("", &[url, (name, value)]).unwrap_err().to_string();
        assert!(e.starts_with(&format!("{name}: ")) && e.contains(remedy), "{e}");
        if name.starts_with("PG") {
            assert_eq!(load_with("", &[(name, value)]).unwrap().target, Target::Default);
        }
    }
    let e = load_with("", &[("FORGE_DATABASE_URL", "postgres://"), ("USER", "")]).unwrap_err().to_string();
    assert!(e.contains("FORGE_DATABASE_URL") && e.contains("PGUSER"), "{e}");
}

#[test]
fn a_password_in_a_file_is_never_shown() {
    for text in [
        "[database]\nurl = \"postgres://u:hunter2@host/db\"\n",
        "[database]\nurl = \"postgres://u:hunter2@host:x/db\"\n",
        "[database]\nurl = \"postgres://%zzu:hunter2@host/db\"\n",
        "[database]\nurl = postgres://u:hunter2@host/db\n",
        "[database]\nurl = \"postgres://u:hunter2@host/db\n",
        "[database]\nurl = [\"postgres://u:hunter2@host/db\"]\n",
        "[database]\n\"postgres://u:hunter2@host/db\" = 1\n",
        "url = \"postgres://u:hunter2@host/db\"\n",
        "[postgres]\nurl = \"postgres://u:hunter2@host/db\"\n",
        "[postgres]\npassword = \"hunter2\"\n",
        "[postgres]\nschema = \"postgres://u:hunter2@host/db\"\n",
        "[postgres]\ntls = \"prefer&password=hunter2\"\n",
        "[postgres]\npooler = \"u:hunter2\"\n",
        "[postgres]\nconnections = \"u:hunter2@host\"\n",
        "[sqlite]\nsynchronous = \"postgres://u:hunter2@host/db\"\n",
    ] {
        let seen = match load(text) {
            Ok(config) => format!("{config:?}{}", config.postgres().unwrap().describe()),
            Err(e) => format!("{e}{e:?}"),
        };
        assert!(!seen.contains(CANARY), "{text}: {seen}");
    }
}
