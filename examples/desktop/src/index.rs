//! What is known of the folder's files: a table of the program's own, beside the queue.
//!
//! Jobs write it and may run twice, so each write says the same thing however often it is made.

use rusqlite::{Connection, OptionalExtension as _, Result, params};
use serde::Serialize;
use std::fs::Metadata;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

/// Groups of duplicates that a page shows.
const MOST_GROUPS: u32 = 200;
/// Files of a group that a page shows.
const MOST_PATHS: u32 = 20;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS folder (
        one INTEGER PRIMARY KEY CHECK (one = 1), path TEXT NOT NULL, scan INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE IF NOT EXISTS files (
        path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, inode TEXT NOT NULL,
        seen INTEGER NOT NULL, sha256 TEXT
    ) STRICT;
    CREATE INDEX IF NOT EXISTS files_by_content ON files (sha256, size, path) WHERE sha256 IS NOT NULL;
";

/// The table.
pub(crate) struct Index(Mutex<Connection>);

/// What tells that a file is another one than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) size: i64,
    /// Nanoseconds since 1970.
    pub(crate) modified: i64,
    /// Where its content lies: two names with the same one are one file.
    pub(crate) inode: String,
}

impl Stat {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self {
            size: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
            modified: modified.and_then(|at| i64::try_from(at.as_nanos()).ok()).unwrap_or_default(),
            inode: inode(metadata),
        }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    format!("{}:{}", metadata.dev(), metadata.ino())
}

/// Without a way to tell names of one file from copies, each name is a copy.
#[cfg(not(unix))]
fn inode(_: &Metadata) -> String {
    String::new()
}

/// What the page shows.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    folder: Option<String>,
    files: i64,
    bytes: i64,
    hashed: i64,
    /// Groups of files with the same content, in more than one place.
    groups: i64,
    /// What hard links would free.
    reclaimable: i64,
    duplicates: Vec<Group>,
}

/// Files with the same content.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    sha256: String,
    size: i64,
    /// Names.
    files: i64,
    /// Places on the disk.
    copies: i64,
    /// Names that are not of the file that would stay.
    others: i64,
    paths: Vec<String>,
}

/// The groups that hold more than one copy.
const COPIES: &str = "SELECT sha256, size, count(*) AS files, \
    count(DISTINCT CASE inode WHEN '' THEN path ELSE inode END) AS copies FROM files \
    WHERE sha256 IS NOT NULL AND size > 0 GROUP BY sha256, size HAVING copies > 1";

impl Index {
    pub(crate) fn open(file: &Path) -> Result<Self> {
        let connection = Connection::open(file)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Mutex::new(connection)))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The chosen folder.
    pub(crate) fn folder(&self) -> Result<Option<String>> {
        self.connection().query_row("SELECT path FROM folder", [], |row| row.get(0)).optional()
    }

    /// Chooses a folder. What was known of another one is forgotten.
    pub(crate) fn choose(&self, folder: &str) -> Result<()> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let before: Option<String> =
            transaction.query_row("SELECT path FROM folder", [], |row| row.get(0)).optional()?;
        if before.as_deref() != Some(folder) {
            transaction.execute("DELETE FROM files", [])?;
            transaction.execute(
                "INSERT INTO folder (one, path) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET path = ?1",
                [folder],
            )?;
        }
        transaction.commit()
    }

    /// A number for a new look at the folder.
    pub(crate) fn begin_scan(&self) -> Result<i64> {
        self.connection().query_row("UPDATE folder SET scan = scan + 1 RETURNING scan", [], |row| row.get(0))
    }

    /// Files that a scan has seen. Gives those whose content is not known, or not any more.
    pub(crate) fn see(&self, scan: i64, found: &[(String, Stat)]) -> Result<Vec<String>> {
        let mut unknown = Vec::new();
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        {
            let mut seen = transaction.prepare_cached(
                "INSERT INTO files (path, size, modified, inode, seen) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (path) DO UPDATE SET seen = max(seen, ?5), size = ?2, modified = ?3, inode = ?4,
                     sha256 = CASE WHEN (size, modified, inode) = (?2, ?3, ?4) THEN sha256 END
                 RETURNING sha256 IS NULL",
            )?;
            for (path, stat) in found {
                let row = params![path, stat.size, stat.modified, stat.inode, scan];
                if seen.query_row(row, |row| row.get(0))? {
                    unknown.push(path.clone());
                }
            }
        }
        transaction.commit()?;
        Ok(unknown)
    }

    /// Forgets what a scan has not seen. Gives how many those were.
    pub(crate) fn end_scan(&self, scan: i64) -> Result<usize> {
        self.connection().execute("DELETE FROM files WHERE seen < ?1", [scan])
    }

    /// What a file holds. Files that nobody asks for any more stay unknown.
    pub(crate) fn hashed(&self, path: &str, stat: &Stat, sha256: &str) -> Result<()> {
        self.connection().execute(
            "UPDATE files SET size = ?2, modified = ?3, inode = ?4, sha256 = ?5 WHERE path = ?1",
            params![path, stat.size, stat.modified, stat.inode, sha256],
        )?;
        Ok(())
    }

    /// It is not there any more.
    pub(crate) fn forget(&self, path: &str) -> Result<()> {
        self.connection().execute("DELETE FROM files WHERE path = ?1", [path])?;
        Ok(())
    }

    /// Everything at a glance.
    pub(crate) fn report(&self) -> Result<Report> {
        let folder = self.folder()?;
        let connection = self.connection();
        let (files, bytes, hashed) = connection.query_row(
            "SELECT count(*), coalesce(sum(size), 0), count(sha256) FROM files",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let (groups, reclaimable) = connection.query_row(
            &format!("SELECT count(*), coalesce(sum(size * (copies - 1)), 0) FROM ({COPIES})"),
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let largest = format!("{COPIES} ORDER BY size * (copies - 1) DESC, sha256 LIMIT {MOST_GROUPS}");
        let mut duplicates = connection
            .prepare_cached(&largest)?
            .query_map([], |row| {
                let (sha256, size) = (row.get(0)?, row.get(1)?);
                Ok(Group {
                    sha256,
                    size,
                    files: row.get(2)?,
                    copies: row.get(3)?,
                    others: 0,
                    paths: Vec::new(),
                })
            })?
            .collect::<Result<Vec<_>>>()?;
        let mut names = connection.prepare_cached(&format!(
            "SELECT path FROM files WHERE sha256 = ?1 AND size = ?2 ORDER BY path LIMIT {MOST_PATHS}"
        ))?;
        let mut others = connection.prepare_cached(
            "SELECT count(*) FROM files AS other, (SELECT path, inode FROM files WHERE sha256 = ?1 AND size = ?2
                 ORDER BY path LIMIT 1) AS kept
             WHERE other.sha256 = ?1 AND other.size = ?2 AND other.path <> kept.path
                 AND (other.inode = '' OR other.inode <> kept.inode)",
        )?;
        for group in &mut duplicates {
            let paths = names.query_map(params![group.sha256, group.size], |row| row.get(0))?;
            group.paths = paths.collect::<Result<_>>()?;
            group.others = others.query_row(params![group.sha256, group.size], |row| row.get(0))?;
        }
        Ok(Report { folder, files, bytes, hashed, groups, reclaimable, duplicates })
    }

    /// The names of a content, the first of which stays, each with where it lies.
    pub(crate) fn names_of(&self, sha256: &str) -> Result<Vec<(String, String)>> {
        let connection = self.connection();
        let mut names = connection
            .prepare_cached("SELECT path, inode FROM files WHERE sha256 = ?1 AND size > 0 ORDER BY path")?;
        names.query_map([sha256], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(size: i64, inode: &str) -> Stat {
        Stat { size, modified: 1, inode: inode.into() }
    }

    fn index() -> (tempfile::TempDir, Index) {
        let dir = tempfile::tempdir().unwrap();
        let index = Index::open(&dir.path().join("files.db")).unwrap();
        index.choose("/f").unwrap();
        (dir, index)
    }

    #[test]
    fn only_what_is_new_or_changed_has_to_be_hashed() {
        let (_dir, index) = index();
        let found = [("/f/a".to_owned(), stat(3, "1")), ("/f/b".to_owned(), stat(3, "2"))];
        let scan = index.begin_scan().unwrap();
        assert_eq!(index.see(scan, &found).unwrap(), ["/f/a", "/f/b"]);
        index.hashed("/f/a", &found[0].1, "aa").unwrap();
        let scan = index.begin_scan().unwrap();
        assert_eq!(index.see(scan, &found).unwrap(), ["/f/b"]);
        assert_eq!(index.see(scan, &[("/f/a".to_owned(), stat(4, "1"))]).unwrap(), ["/f/a"]);
        // The other one is gone.
        let scan = index.begin_scan().unwrap();
        index.see(scan, &found[..1]).unwrap();
        assert_eq!(index.end_scan(scan).unwrap(), 1);
        assert_eq!(index.report().unwrap().files, 1);
    }

    #[test]
    fn names_of_one_file_are_no_duplicates_and_copies_are() {
        let (_dir, index) = index();
        let found: Vec<_> = [("/f/a", "1"), ("/f/b", "1"), ("/f/c", "2"), ("/f/d", "3")]
            .map(|(path, inode)| (path.to_owned(), stat(10, inode)))
            .into();
        index.see(1, &found).unwrap();
        for (path, sha256) in [("/f/a", "aa"), ("/f/b", "aa"), ("/f/d", "dd")] {
            let (_, stat) = found.iter().find(|(p, _)| p == path).unwrap();
            index.hashed(path, stat, sha256).unwrap();
        }
        assert_eq!(index.report().unwrap().groups, 0);
        index.hashed("/f/c", &found[2].1, "aa").unwrap();
        let report = index.report().unwrap();
        assert_eq!((report.groups, report.reclaimable), (1, 10));
        assert_eq!(report.duplicates[0].paths, ["/f/a", "/f/b", "/f/c"]);
        assert_eq!(report.duplicates[0].others, 1);
        // Another folder has nothing of this one.
        index.choose("/g").unwrap();
        assert_eq!(index.report().unwrap().files, 0);
    }
}
