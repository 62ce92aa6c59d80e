//! Components on the shelf: each is one plugin's alone, and is given out only as long as its signature counts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use switchyard_runtime::make_private;

use super::shelf::{Shelf, ShelfError, VERSIONS, sha256_of, write};
use super::signature::{self, SIGNATURE_EXTENSION};

impl Shelf {
    /// Keeps a plugin's component, and the text of its signature where there is one.
    ///
    /// # Errors
    /// [`ShelfError::Io`]
    pub(super) fn keep(
        &self,
        plugin: &str,
        sha256: &str,
        bytes: &[u8],
        signature: Option<&str>,
    ) -> Result<(), ShelfError> {
        let path = self.version_path(plugin, sha256);
        if let Some(directory) = path.parent() {
            make_private(directory).map_err(ShelfError::NotPrivate)?;
        }
        if let Some(signature) = signature {
            write(&signature_path(&path), signature.as_bytes())?;
        }
        if read(&path, sha256).is_ok_and(|kept| kept.is_some()) {
            return Ok(());
        }
        write(&path, bytes)
    }

    /// A plugin's component that was kept, if it is there.
    ///
    /// # Errors
    /// [`ShelfError`], also where it is not what it was or is not signed as is asked for now.
    pub(super) fn component(
        &self,
        plugin: &str,
        sha256: &str,
    ) -> Result<Option<Vec<u8>>, ShelfError> {
        let path = self.version_path(plugin, sha256);
        let Some(bytes) = read(&path, sha256)? else {
            return Ok(None);
        };
        if self.trusted_keys.are_asked_for() {
            let text = fs::read_to_string(signature_path(&path)).ok();
            signature::verify(&self.trusted_keys, &bytes, text.as_deref())?;
        }
        Ok(Some(bytes))
    }

    /// Removes a plugin's component.
    ///
    /// # Errors
    /// [`ShelfError::Io`]
    pub(super) fn remove(&self, plugin: &str, sha256: &str) -> Result<(), ShelfError> {
        let path = self.version_path(plugin, sha256);
        for path in [signature_path(&path), path] {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(ShelfError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn version_path(&self, plugin: &str, sha256: &str) -> PathBuf {
        let versions = self.directory.join(VERSIONS).join(plugin);
        versions.join(format!("{sha256}.wasm"))
    }
}

fn signature_path(component: &Path) -> PathBuf {
    component.with_extension(format!("wasm.{SIGNATURE_EXTENSION}"))
}

fn read(path: &Path, sha256: &str) -> Result<Option<Vec<u8>>, ShelfError> {
    match fs::read(path) {
        Ok(bytes) if sha256_of(&bytes) == sha256 => Ok(Some(bytes)),
        Ok(_) => Err(ShelfError::Changed(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ShelfError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::signature::{SignatureError, TrustedKeys};

    #[test]
    fn a_component_is_one_plugins_alone() {
        let directory = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(&directory.path().join("state"), TrustedKeys::default()).unwrap();
        let sha256 = sha256_of(b"component");
        for plugin in ["sim", "other"] {
            shelf.keep(plugin, &sha256, b"component", None).unwrap();
        }
        shelf.remove("sim", &sha256).unwrap();
        assert_eq!(shelf.component("sim", &sha256).unwrap(), None);
        assert!(shelf.component("other", &sha256).unwrap().is_some());
    }

    #[test]
    fn what_was_kept_is_given_out_only_while_a_trusted_key_signed_it() {
        let directory = tempfile::tempdir().unwrap();
        let sha256 = sha256_of(b"component");
        let signer = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let stranger = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let trusting = |pairs: &[&minisign::KeyPair]| {
            let keys: Vec<String> = pairs.iter().map(|pair| pair.pk.to_base64()).collect();
            Shelf::open(&directory.path().join("state"), keys.try_into().unwrap()).unwrap()
        };
        let component = |shelf: Shelf| shelf.component("sim", &sha256);
        let anyone = trusting(&[]);
        anyone.keep("sim", &sha256, b"component", None).unwrap();
        assert!(component(anyone).unwrap().is_some());
        assert!(matches!(
            component(trusting(&[&signer])),
            Err(ShelfError::NotTrusted(SignatureError::Missing))
        ));
        let signed = minisign::sign(None, &signer.sk, io::Cursor::new(b"component"), None, None);
        let signature = signed.unwrap().into_string();
        let shelf = trusting(&[&signer]);
        shelf
            .keep("sim", &sha256, b"component", Some(&signature))
            .unwrap();
        assert!(component(shelf).unwrap().is_some());
        assert!(matches!(
            component(trusting(&[&stranger])),
            Err(ShelfError::NotTrusted(SignatureError::UntrustedKey))
        ));
    }
}
