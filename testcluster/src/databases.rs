//! Databases for tests: an empty one or a copy of a template for each, gone when the test is over.

use crate::bouncer::{BouncerOptions, PgBouncer, Target};
use crate::{Cluster, Error, Options, sql};
use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use tokio_postgres::Client;
use tokio_postgres::config::{Config, Host};

/// Names the server to use instead of a private one: the URL of a database that its user may make others from.
pub const POSTGRES_URL: &str = "FORGE_TEST_POSTGRES_URL";
/// Names a `PgBouncer` in transaction mode in front of that server.
pub const PGBOUNCER_URL: &str = "FORGE_TEST_PGBOUNCER_URL";

/// A server on which tests make databases.
#[derive(Debug)]
pub struct Databases {
    admin_url: String,
    major: u32,
    bouncer: OnceLock<Result<Bouncer, Error>>,
    /// Templates that are known to be there.
    templates: Mutex<HashSet<String>>,
    cluster: Option<Cluster>,
}

#[derive(Debug)]
struct Bouncer {
    url: String,
    /// Lives as long as the URL is of use.
    _own: Option<PgBouncer>,
}

impl Databases {
    /// The server of this process: the one that the environment names, or a private one, started at the first call.
    ///
    /// # Errors
    ///
    /// There is none: it cannot be started or reached, or is too old. Every later call gives the same error.
    pub fn shared() -> Result<&'static Self, Error> {
        static SHARED: OnceLock<Result<Databases, Error>> = OnceLock::new();
        // It is never dropped. The end of the process ends the private server all the same.
        let shared = SHARED.get_or_init(|| {
            let set = |name| std::env::var(name).ok().filter(|url| !url.is_empty());
            match set(POSTGRES_URL) {
                Some(url) => Self::connect(url, set(PGBOUNCER_URL)),
                None => Ok(Self::on(Cluster::start(&Options::default())?)),
            }
        });
        shared.as_ref().map_err(Clone::clone)
    }

    /// A server that runs already, and a pooler in front of it. Without one, a private one is started when a test asks
    /// for it.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or is too old.
    pub fn connect(admin_url: impl Into<String>, bouncer_url: Option<String>) -> Result<Self, Error> {
        let admin_url = admin_url.into();
        let major = sql::wait_for(sql::version(&admin_url))?;
        let bouncer = OnceLock::new();
        if let Some(url) = bouncer_url {
            bouncer.get_or_init(|| Ok(Bouncer { url, _own: None }));
        }
        Ok(Self { admin_url, major, bouncer, templates: Mutex::default(), cluster: None })
    }

    /// Databases on a cluster of one's own, which ends with them.
    #[must_use]
    pub fn on(cluster: Cluster) -> Self {
        Self {
            admin_url: cluster.url("postgres"),
            major: cluster.major_version(),
            bouncer: OnceLock::new(),
            templates: Mutex::default(),
            cluster: Some(cluster),
        }
    }

    /// The cluster behind the databases, if it is a private one.
    #[must_use]
    pub const fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// The URL of the database from which others are made.
    #[must_use]
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// Makes a database: a copy of the template, or an empty one.
    ///
    /// # Errors
    ///
    /// The server refuses, or there is no such template.
    pub async fn fresh(&self, template: Option<&str>) -> Result<TestDatabase<'_>, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("forge_test_{}_{n}", std::process::id());
        let client = sql::connect(&self.admin_url).await?;
        // An earlier process with our id may have been killed before it could drop its own.
        sql::run(&client, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await?;
        self.create(&client, &name, template.unwrap_or("template0")).await?;
        Ok(TestDatabase { databases: self, url: sql::with_database(&self.admin_url, &name), name })
    }

    /// Makes sure that there is a template and gives its name, for [`Self::fresh`].
    ///
    /// `provision` gets the URL of an empty database and brings it into shape. It runs once per server and
    /// `fingerprint`, however many processes ask: others wait. When it fails, there is no template and the next caller
    /// tries. The fingerprint says what the shape depends on, the text of the migrations for instance.
    ///
    /// # Errors
    ///
    /// `provision` fails, or the server refuses.
    pub async fn template<F, E>(
        &self,
        name: &str,
        fingerprint: &str,
        provision: impl FnOnce(String) -> F + Send,
    ) -> Result<String, Error>
    where
        F: Future<Output = Result<(), E>> + Send,
        E: fmt::Display,
    {
        let template = template_name(name, fingerprint)?;
        if self.known_templates().contains(&template) {
            return Ok(template);
        }
        // The lock ends with this connection, also when this process dies in the middle.
        let client = sql::connect(&self.admin_url).await?;
        let key = fnv1a(template.as_bytes()).cast_signed();
        sql::run(&client, &format!("SELECT pg_advisory_lock({key})")).await?;
        let there = format!("SELECT 1 FROM pg_database WHERE datname = '{template}'");
        if sql::text(&client, &there).await?.is_none() {
            self.make_template(&client, &template, provision).await?;
        }
        self.known_templates().insert(template.clone());
        Ok(template)
    }

    /// Under another name first, so that a database with the template's name is always a whole one.
    async fn make_template<F, E>(
        &self,
        client: &Client,
        template: &str,
        provision: impl FnOnce(String) -> F + Send,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<(), E>> + Send,
        E: fmt::Display,
    {
        let draft = format!("{template}_draft");
        sql::run(client, &format!("DROP DATABASE IF EXISTS {draft} WITH (FORCE)")).await?;
        self.create(client, &draft, "template0").await?;
        let made = provision(sql::with_database(&self.admin_url, &draft)).await;
        let made =
            made.map_err(|e| Error::Provision { template: template.to_owned(), detail: e.to_string() });
        if made.is_err() {
            sql::run(client, &format!("DROP DATABASE {draft} WITH (FORCE)")).await?;
        }
        made?;
        // Nobody may be connected to what is copied. The server waits some seconds for connections that are ending.
        sql::run(client, &format!("ALTER DATABASE {draft} ALLOW_CONNECTIONS false")).await?;
        sql::run(client, &format!("ALTER DATABASE {draft} RENAME TO {template}")).await
    }

    async fn create(&self, client: &Client, name: &str, template: &str) -> Result<(), Error> {
        // Copying files takes two checkpoints, which cost little where the disk is not waited for: it is quicker than
        // copying through the log, and dropping the copy is too. Before 15 there is no choice and no word for it.
        let strategy = if self.major >= 15 { " STRATEGY file_copy" } else { "" };
        sql::run(client, &format!("CREATE DATABASE {name} TEMPLATE {template}{strategy}")).await
    }

    fn known_templates(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bouncer_url(&self) -> Result<&str, Error> {
        let bouncer = self.bouncer.get_or_init(|| {
            let own = PgBouncer::start(target(&self.admin_url)?, &BouncerOptions::default())?;
            Ok(Bouncer { url: own.url("postgres"), _own: Some(own) })
        });
        bouncer.as_ref().map(|bouncer| bouncer.url.as_str()).map_err(Clone::clone)
    }
}

/// A database of one test. Dropping it drops the database, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase<'a> {
    databases: &'a Databases,
    name: String,
    url: String,
}

impl TestDatabase<'_> {
    /// The name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL, straight to the server.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL through `PgBouncer` in transaction mode, which is started if there is none yet.
    ///
    /// # Errors
    ///
    /// `PgBouncer` is missing or does not start.
    pub fn bouncer_url(&self) -> Result<String, Error> {
        Ok(sql::with_database(self.databases.bouncer_url()?, &self.name))
    }
}

impl Drop for TestDatabase<'_> {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = sql::wait_for(async {
            let client = sql::connect(&self.databases.admin_url).await?;
            sql::run(&client, &statement).await
        });
        // A test may have stopped the server. What stays there goes with the server.
        if let Err(e) = dropped {
            eprintln!("the database {} was not dropped: {e}", self.name);
        }
    }
}

fn template_name(name: &str, fingerprint: &str) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 30 || !name.chars().all(plain) {
        return Err(Error::Name(name.to_owned()));
    }
    Ok(format!("forge_tpl_{name}_{:016x}", fnv1a(fingerprint.as_bytes())))
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): the same in every process and build.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The server of a URL, as a pooler must be told it.
fn target(url: &str) -> Result<Target, Error> {
    let unusable = |detail: String| Error::Sql { what: format!("reading {POSTGRES_URL}"), detail };
    let config: Config = url.parse().map_err(|e: tokio_postgres::Error| unusable(e.to_string()))?;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(dir)) => dir.display().to_string(),
        None => return Err(unusable("it names no host".into())),
    };
    Ok(Target {
        host,
        port: config.get_ports().first().copied().unwrap_or(5_432),
        user: config.get_user().unwrap_or("postgres").to_owned(),
        password: config.get_password().map(|p| String::from_utf8_lossy(p).into_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_template_depends_on_the_fingerprint_and_fits() {
        let name = template_name("forge_schema", "v1").unwrap();
        assert_eq!(name, template_name("forge_schema", "v1").unwrap());
        assert_ne!(name, template_name("forge_schema", "v2").unwrap());
        // With `_draft` behind it, within the server's 63 bytes.
        assert!(template_name(&"a".repeat(30), "").unwrap().len() + "_draft".len() <= 63);
        for bad in ["", "a b", "A", "a\"", &"a".repeat(31)] {
            assert!(matches!(template_name(bad, ""), Err(Error::Name(_))), "{bad:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_published_test_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_pooler_is_told_the_whole_server() {
        let found = target(r"host=127.0.0.1 port=5433 user=u password='se\'cret' dbname=x").unwrap();
        assert_eq!((found.host.as_str(), found.port, found.user.as_str()), ("127.0.0.1", 5_433, "u"));
        assert_eq!(found.password.as_deref(), Some("se'cret"));
    }
}
