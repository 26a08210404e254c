//! URLs, good and bad.

use super::super::environment::Environment;
use super::*;
use std::collections::HashMap;

/// What must be seen nowhere; as it is, and escaped without need.
const CANARIES: [&str; 2] = ["hunter2", "%68unter%32"];

/// The scheme may be left out.
fn read_with(url: &str, variables: &[(&str, &str)]) -> Result<PostgresConfig, ConfigError> {
    let made = std::iter::once(&("USER", "me")).chain(variables);
    let made: HashMap<_, _> = made.map(|(name, value)| ((*name).into(), value.into())).collect();
    let rest = after_scheme(url).unwrap_or(url);
    PostgresConfig::resolve(rest, "the URL", Layer::default(), &Environment::Made(made))
}

fn read(url: &str) -> Result<PostgresConfig, ConfigError> {
    read_with(url, &[])
}

#[track_caller]
fn good(url: &str) -> PostgresConfig {
    read(url).unwrap()
}

#[track_caller]
fn bad(url: &str, words: &str) {
    let e = read(url).unwrap_err().to_string();
    assert!(e.starts_with("the URL: ") && e.contains(words), "{url}: {e}");
}

#[test]
fn two_schemes_are_known() {
    assert_eq!(after_scheme("postgres://host"), Some("//host"));
    assert_eq!(after_scheme("postgresql://host"), Some("//host"));
    assert_eq!((after_scheme("mysql://host"), after_scheme("postgres")), (None, None));
}

#[test]
fn what_a_url_leaves_out_has_a_default() {
    let config = good("//");
    assert_eq!(config.describe(), "postgres://me@localhost:5432/me (schema forge)");
    assert_eq!((config.password(), config.password_note()), (None, None));
    assert_eq!((config.tls(), config.pooler()), (TlsMode::Prefer, Pooler::Auto));
    assert_eq!((config.tls_root_cert(), config.tls_client()), (None, None));
    assert_eq!((config.keepalives_idle(), config.tcp_user_timeout()), (None, None));
    assert_eq!((config.connections(), config.read_connections()), (4, 2));
    assert_eq!((config.application_name(), config.listen(), config.auto_migrate()), ("forge", true, false));
    let ms = [config.connect_timeout(), config.call_timeout(), config.read_timeout()].map(|t| t.as_millis());
    assert_eq!(ms, [5_000, 30_000, 10_000]);
}

#[test]
fn user_host_port_and_database_are_read() {
    for (url, described) in [
        ("//app@db.example/shop", "//app@db.example:5432/shop"),
        ("//app:x@192.0.2.1:6432/shop", "//app@192.0.2.1:6432/shop"),
        ("//app@[::1]:5433/shop", "//app@[::1]:5433/shop"),
        ("//app@[fe80::1%25eth0]/shop", "//app@[fe80::1%25eth0]:5432/shop"),
        ("//host", "//me@host:5432/me"),
        ("//app@/", "//app@localhost:5432/app"),
        ("//:x@host:/", "//me@host:5432/me"),
        ("///shop", "//me@localhost:5432/shop"),
        ("//a%40b@host/m%20n", "//a%40b@host:5432/m%20n"),
        ("//%2Frun%2Fpostgresql/shop", "//me@:5432/shop?host=/run/postgresql"),
        ("//app@/shop?host=/run/pg%20a&port=1", "//app@:1/shop?host=/run/pg%20a"),
        ("//?host=::1&user=u&dbname=d", "//u@[::1]:5432/d"),
        ("//a@host/b?user=u&dbname=d&port=7", "//u@host:7/d"),
        ("//host?host=&port=&user=&dbname=", "//me@host:5432/me"),
    ] {
        assert_eq!(good(url).describe(), format!("postgres:{described} (schema forge)"), "{url}");
    }
    assert_eq!(good("//%2Frun").host(), &PostgresHost::SocketDir("/run".into()));
    assert_eq!(good("//[::1]").host(), &PostgresHost::Name("::1".into()));
}

#[test]
fn a_password_is_unescaped_and_may_hold_what_it_wants() {
    for (url, password) in [
        ("//u:a:b+#%40%2F%3F%26%25@host", Some("a:b+#@/?&%")),
        ("//u:%C3%BC@host", Some("ü")),
        ("//u@host?password=a%26b", Some("a&b")),
        ("//u:a@host?password=b", Some("b")),
        ("//u:a@host?password=", Some("a")),
        ("//u:@host", None),
    ] {
        assert_eq!(good(url).password().map(Secret::expose), password, "{url}");
    }
}

#[test]
fn every_parameter_counts() {
    let config = good(
        "//host/d?sslmode=verify-full&sslrootcert=/r&sslcert=/c&sslkey=/k&application_name=my%20app&\
         connect_timeout=3&keepalives_idle=60&tcp_user_timeout=9000&schema=jobs_2&pooler=transaction&\
         target_session_attrs=read-write",
    );
    assert_eq!(config.tls(), TlsMode::VerifyFull);
    assert_eq!(config.tls_root_cert(), Some(Path::new("/r")));
    assert_eq!(config.tls_client(), Some((Path::new("/c"), Path::new("/k"))));
    assert_eq!((config.application_name(), config.schema()), ("my app", "jobs_2"));
    assert_eq!(config.connect_timeout(), Duration::from_secs(3));
    assert_eq!(config.keepalives_idle(), Some(Duration::from_secs(60)));
    assert_eq!(config.tcp_user_timeout(), Some(Duration::from_secs(9)));
    assert_eq!((config.pooler(), config.listen()), (Pooler::Transaction, false));
    assert_eq!(good("//?keepalives_idle=0&tcp_user_timeout=0").keepalives_idle(), None);
}

#[test]
fn a_url_without_the_password_leads_to_the_same_place() {
    for url in [
        "//a%40b@db.example:6432/m%20n",
        "//u@[fe80::1%25eth0]/d?schema=x",
        "///d?host=/run/pg%20a&port=1&pooler=none",
        "//u@host/d?sslmode=verify-full&sslrootcert=/r%20r&sslcert=/c&sslkey=/k",
        "//u@host/d?sslrootcert=system",
    ] {
        let config = good(url);
        assert_eq!(good(&config.url_without_password()), config, "{url}");
    }
    let url = good("//u:hunter2@host/d").url_without_password();
    assert_eq!(url.strip_prefix("postgres:"), Some("//u@host:5432/d?schema=forge"));
}

#[test]
fn who_names_the_authorities_has_them_asked() {
    for (params, tls) in [
        ("", "prefer"),
        ("sslmode=require", "require"),
        ("sslmode=require&sslrootcert=/r", "verify-ca"),
        ("sslmode=verify-full&sslrootcert=/r", "verify-full"),
        ("sslrootcert=system", "verify-full"),
        ("sslrootcert=system&sslmode=verify-full", "verify-full"),
    ] {
        assert_eq!(good(&format!("//host?{params}")).tls().as_str(), tls, "{params}");
    }
    assert_eq!(good("//host?sslrootcert=system").tls_root_cert(), None);
    bad("//host?sslrootcert=system&sslmode=require", "verify-full");
}

#[test]
fn what_is_not_supported_is_refused_with_the_remedy() {
    for (url, words) in [
        ("postgres:host", "two slashes"),
        ("//a.example,b.example/d", "several hosts"),
        ("//u@a.example:1,b.example:2/d", "several hosts"),
        ("//u@host?host=a,b", "several hosts"),
        ("//u@host?port=1,2", "several ports"),
        ("//u@::1/d", "brackets"),
        ("//u@[::1/d", "the ] after"),
        ("//u@[::1]5432/d", "a : and the port"),
        ("//u@[x]/d", "no IPv6 address"),
        ("//u@[:x]/d", "neither a name"),
        ("//u@ho%20st/d", "neither a name"),
        ("//u:x@host:0/d", "\"0\""),
        ("//u@host:65536/d", "1 to 65535"),
        ("//u@host:+5/d", "1 to 65535"),
        ("//u@host/d/", "holds a /"),
        ("//u@host/d e", "%20"),
        ("//u:a@b@host", "%40"),
        ("//u:a/b@host", "%2F"),
        ("//u:a?b@host", "%3F"),
        ("//u%3Aa@host", "%3A"),
        ("//u:%zz@host", "%25"),
        ("//u:%4@host", "%25"),
        ("//u:%FF@host", "UTF-8"),
        ("//u:%00@host", "control"),
        ("//host?schema", "no ="),
        ("//host?schema=a=b", "second ="),
        ("//host?schema=a&schema=b", "twice"),
        ("//host?sslmod=require", "sslmod is not known: those known are host, port"),
        ("//host?sslmode=allow", "protects from nobody"),
        ("//host?sslmode=Require", "\"Require\""),
        ("//host?sslmode=", "verify-full"),
        ("//host?sslcert=/c", "sslkey"),
        ("//host?sslkey=/c", "sslcert"),
        ("//host?options=-csearch_path%3Dx", "ALTER ROLE"),
        ("//host?target_session_attrs=standby", "read-write"),
        ("//host?connect_timeout=0", "100 ms to 600 s"),
        ("//host?connect_timeout=601", "601000 ms"),
        ("//host?connect_timeout=2s", "\"2s\" is no whole number"),
        ("//host?keepalives_idle=-1", "no whole number"),
        ("//host?application_name=%C3%BC", "ASCII"),
        ("//host?dbname=host%3Dx", "name alone"),
        ("//host?pooler=session", "auto, none or transaction"),
        ("//host?passfile=/x", "passfile is not known"),
    ] {
        bad(url, words);
    }
    let long = "a".repeat(49);
    for schema in ["My", "1a", "a-b", "a b", "pg_a", "", "ä", &long] {
        let e = good("//host").with_schema(schema).unwrap_err().to_string();
        assert!(e.contains(&format!("schema {schema:?}")) && e.contains("48 bytes"), "{e}");
        bad(&format!("//host?schema={}", escaped(schema)), "48 bytes");
    }
    assert_eq!(good("//host").with_schema(&long[1..]).unwrap().schema().len(), 48);
}

#[test]
fn settings_given_in_code_have_the_same_bounds() {
    let config = good("//host");
    let errors = [
        config.clone().with_connections(0),
        config.clone().with_read_connections(17),
        config.clone().with_connect_timeout(Duration::ZERO),
        config.clone().with_call_timeout(Duration::from_secs(601)),
        config.clone().with_read_timeout(Duration::from_millis(99)),
        config.clone().with_application_name("a\nb"),
    ];
    for refused in errors {
        assert!(matches!(refused, Err(ConfigError::Value { .. })), "{refused:?}");
    }
    let config = config.with_tls(TlsMode::Require).with_tls_root_cert("/r");
    assert_eq!(config.tls(), TlsMode::VerifyCa);
}

#[test]
fn a_password_comes_from_the_url_else_the_variable_else_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pass");
    std::fs::write(&file, "host:5432:d:u:of_file\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let passfile = ("PGPASSFILE", file.to_str().unwrap());
    let password = |url: &str, variables: &[(&str, &str)]| {
        read_with(url, variables).unwrap().password().map(|p| p.expose().to_owned())
    };
    assert_eq!(password("//u@host/d", &[passfile]).as_deref(), Some("of_file"));
    let variable = ("PGPASSWORD", "of_variable");
    assert_eq!(password("//u@host/d", &[passfile, variable]).as_deref(), Some("of_variable"));
    assert_eq!(password("//u:a@host/d", &[passfile, variable]).as_deref(), Some("a"));
    assert_eq!(password("//u@host/other", &[passfile]), None);
    #[cfg(unix)]
    {
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let config = read_with("//u@host/d", &[passfile]).unwrap();
        assert!(config.password().is_none() && config.password_note().unwrap().contains("chmod 600"));
        assert_eq!(config.with_password(Secret::new("x")).password_note(), None);
    }
}

/// Wherever somebody may have written a password, with and without care.
const POSITIONS: [&str; 38] = [
    "//u@host:{}/d",
    "//u:@host:{}/d",
    "//u:{}@host/d",
    "//:{}@host/d",
    "//u:{}@/d",
    "//u:{}@[::1]:1/d?schema=x",
    "//u@host/d?password={}",
    "//u@host/d?password={}&sslmode=bad",
    "//u@host/d?password={}&unknown=1",
    "//u:{}@host:bad/d",
    "//u:{}@host,host/d",
    "//u:{}@[::1/d",
    "//u:{}@host/d/e",
    "//u:{}%zz@host/d",
    "//u:{}@host/d?schema=BAD",
    "//u:{}@host/d?{}",
    "//u:{}",
    "//u:{}/d",
    "//u:1{}:2@host:3:4/d",
    "//u:{}@x@host/d",
    "//u:x@{}@host/d",
    "//u:x/{}@host/d",
    "//u:1/{}@host/d",
    "//u:x?{}@host/d",
    "//u:1?{}@host/d",
    "//u:1?{}=x@host/d",
    "//u:x#{}@host/d",
    "//u:x {}@host/d",
    "//u%3A{}@host/d",
    "//u%3A{}%40host/d",
    "//u:{}%40host/d",
    "postgres:u:{}@host/d",
    "postgres:/u:{}@host/d",
    "//u@host/d?password:{}",
    "//u@host/d?sslmode=prefer;password={}",
    "//u@host/d?schema=x%26password%3D{}",
    "//u@host?dbname=postgres%3A%2F%2Fu%3A{}%40host",
    "//u@host/d?password={}&password={}",
];

#[test]
fn a_password_is_never_shown_wherever_it_was_written() {
    for position in POSITIONS {
        for canary in CANARIES {
            let url = position.replace("{}", canary);
            let seen = match read(&url) {
                Ok(config) => format!("{config:?}{}{}", config.describe(), config.url_without_password()),
                Err(e) => format!("{e}{e:?}"),
            };
            assert!(!CANARIES.iter().any(|canary| seen.contains(canary)), "{url}: {seen}");
        }
    }
}
