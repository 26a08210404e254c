//! Network file systems: SQLite's locks and shared memory do not hold there, and the database would be damaged.

/// File systems whose locks or shared memory cannot be trusted across hosts.
const NETWORK: [&str; 17] = [
    "9p",
    "afs",
    "ceph",
    "cifs",
    "coda",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
];

/// The type of the network file system that an absolute path is on, if it is on one.
///
/// `mounts` is the text of `/proc/self/mountinfo` (proc(5)): the longest mount point that is a prefix of the path, the
/// last one if several are mounted there.
pub(super) fn network_file_system(mounts: &str, path: &str) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let (Some(point), Some(kind)) = (
            line.split(' ').nth(4).map(unescape),
            line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').next()),
        ) else {
            continue;
        };
        let below =
            point == "/" || path == point || path.strip_prefix(&*point).is_some_and(|r| r.starts_with('/'));
        if below && best.is_none_or(|(len, _)| point.len() >= len) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind).filter(|kind| NETWORK.contains(kind) || *kind == "smbfs").map(str::to_owned)
}

/// Blanks, tabs, line ends and backslashes are written in octal.
fn unescape(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        if let Some(byte) = after.get(..3).and_then(|d| u8::from_str_radix(d, 8).ok()) {
            out.push(char::from(byte));
            rest = &after[3..];
        } else {
            out.push('\\');
            rest = after;
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/me/local rw - xfs /dev/sdb rw
32 22 0:42 / /mnt/two\\040words rw shared:5 master:1 - fuse.sshfs me@host: rw
33 22 0:43 / /srv rw - ext4 /dev/sdc rw
34 22 0:44 / /srv rw - cifs //server/share rw";

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(network_file_system(MOUNTS, path).as_deref(), expected, "{path}");
    }

    #[test]
    fn the_mount_that_counts_is_the_longest_and_the_last() {
        check("/var/lib/jobs.db", None);
        check("/home/me/jobs.db", Some("nfs4"));
        check("/home/me/local/jobs.db", None);
        check("/homeless/jobs.db", None);
        check("/mnt/two words/jobs.db", Some("fuse.sshfs"));
        check("/srv/jobs.db", Some("cifs"));
    }

    #[test]
    fn text_that_is_not_understood_refuses_nothing() {
        assert_eq!(network_file_system("garbage\n\n1 2 3", "/x"), None);
    }
}
