//! Secrets in files.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::{SecretError, seal};
use crate::config::SecretRef;

/// Largest file that can be a secret, in bytes: a private key of RSA has a few thousand.
const MAX_BYTES: usize = 64 * 1024;

/// Others may read it.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Others, or the group, may write it.
const WRITABLE: u32 = 0o022;

/// Reads a file that nobody but the gateway's user, its group and root can read, and nobody but the user and root
/// can write: as PostgreSQL asks of its server's key, <https://www.postgresql.org/docs/current/ssl-tcp.html>.
pub(super) fn read(path: &Path) -> Result<SecretString, SecretError> {
    let unreadable = |source| SecretError::File {
        path: path.to_owned(),
        source,
    };
    // A pipe without a writer must not hold the gateway up.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits();
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(nonblocking).unwrap_or(0))
        .open(path)
        .map_err(unreadable)?;
    let bytes = check(path, &file)?;
    // One byte more shows that the file grew. Nothing here grows: what is moved is left behind.
    let mut content = Zeroizing::new(vec![0; bytes + 1]);
    let mut length = 0;
    loop {
        let free = &mut content[length..];
        if free.is_empty() {
            let problem = "changed while it was read".to_owned();
            let path = path.to_owned();
            return Err(SecretError::Exposed { path, problem });
        }
        match file.read(free) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    let content = &content[..length];
    let place = || SecretRef::File(path.to_owned());
    let mut text = std::str::from_utf8(content).map_err(|_| SecretError::NotText(place()))?;
    if text.ends_with('\n') && text.lines().count() == 1 {
        text = text.trim_end_matches(['\r', '\n']);
    }
    seal(text, &place())
}

/// Its size, where it may be read. What is opened is what is checked: the name may be another file's by now.
fn check(path: &Path, file: &File) -> Result<usize, SecretError> {
    let exposed = |problem: String| SecretError::Exposed {
        path: path.to_owned(),
        problem,
    };
    let facts = file.metadata().map_err(|source| SecretError::File {
        path: path.to_owned(),
        source,
    })?;
    if !facts.is_file() {
        return Err(exposed("is no ordinary file".into()));
    }
    let bytes = usize::try_from(facts.len()).ok();
    let Some(bytes) = bytes.filter(|bytes| *bytes <= MAX_BYTES) else {
        return Err(exposed(format!("is larger than {MAX_BYTES} bytes")));
    };
    let mode = facts.mode() & 0o777;
    if mode & READABLE_BY_OTHERS != 0 {
        return Err(exposed(format!(
            "can be read by every user of this machine (mode {mode:03o}); chmod o= it"
        )));
    }
    if mode & WRITABLE != 0 {
        return Err(exposed(format!(
            "can be written by others than its owner (mode {mode:03o}); chmod go-w it"
        )));
    }
    let (owner, me) = (facts.uid(), rustix::process::geteuid().as_raw());
    if owner != me && owner != 0 {
        return Err(exposed(format!(
            "belongs to user {owner}, and the gateway runs as {me}; chown it"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn file(content: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn a_file_s_last_line_feed_is_not_part_of_the_secret() {
        for (content, secret) in [
            ("s3cret\n", "s3cret"),
            ("s3cret\r\n", "s3cret"),
            ("s3cret", "s3cret"),
            ("a\nb\n", "a\nb\n"),
        ] {
            let file = file(content, 0o600);
            assert_eq!(read(file.path()).unwrap().expose_secret(), secret);
        }
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused_and_its_content_not_shown() {
        for (mode, problem) in [
            (0o604, "read by every user"),
            (0o644, "read by every user"),
            (0o620, "written by others"),
            (0o602, "written by others"),
        ] {
            let file = file("s3cret", mode);
            let error = read(file.path()).unwrap_err().to_string();
            assert!(error.contains(problem), "{mode:o}: {error}");
            assert!(error.contains(&file.path().display().to_string()));
            assert!(!error.contains("s3cret"), "{error}");
        }
        for mode in [0o400, 0o600, 0o440, 0o640] {
            assert!(read(file("s3cret", mode).path()).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        let empty = file(" \n", 0o600);
        let huge = file(&"x".repeat(70_000), 0o600);
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
        let binary = tempfile::NamedTempFile::new().unwrap();
        fs::write(binary.path(), [0xff, 0xfe, 0x00]).unwrap();
        for (path, problem) in [
            (empty.path(), "is empty"),
            (huge.path(), "is larger than"),
            (directory.path(), "no ordinary file"),
            (binary.path(), "is not text"),
            (Path::new("/no/such/file"), "/no/such/file"),
        ] {
            let error = read(path).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn a_pipe_that_nobody_writes_holds_nothing_up() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        fs::set_permissions(&pipe, Permissions::from_mode(0o600)).unwrap();
        let error = read(&pipe).unwrap_err().to_string();
        assert!(error.contains("no ordinary file"), "{error}");
    }
}
