use std::collections::BTreeMap;

use thymis_core::{
    digest::{Digest, NarHash, Revision},
    grant::{ComponentTerms, Entry, Grant, Lock, Pin, Terms},
    json,
    manifest::Manifest,
    permission::Permission,
};

use crate::shown;

/// Most bytes of one text of a manifest that is accepted.
const TEXT: usize = 2048;

/// `thymis.toml`: what is accepted is bounded, and its permissions mean the same once they are written down.
pub fn manifest(bytes: &[u8]) {
    let manifest = match Manifest::parse(bytes) {
        Ok(manifest) => manifest,
        Err(error) => return shown::fit(&error.to_string()),
    };
    let repository = &manifest.repository;
    let optional = [&repository.license, &repository.homepage, &repository.publisher, &repository.minimum_host];
    let texts = [&repository.name, &repository.version, &repository.description].into_iter();
    let texts = texts.chain(optional.into_iter().flatten());
    let texts = texts.chain(manifest.components.iter().flat_map(|component| [&component.file, &component.wit]));
    let texts = texts.chain(manifest.device_types.iter().flat_map(|device| [&device.label, &device.system]));
    for text in texts.chain(manifest.device_types.iter().flat_map(|device| &device.image_formats)) {
        assert!(text.len() <= TEXT, "a text of {} bytes is accepted", text.len());
    }
    for permission in manifest.components.iter().flat_map(|component| &component.permissions) {
        shown::steers_nothing(&permission.access.to_string());
        let lines = toml::to_string(permission).unwrap();
        assert_eq!(toml::from_str::<Permission>(&lines).as_ref(), Ok(permission), "{lines}");
    }
    accepted(&manifest);
}

/// A grant of all that the manifest asks for holds after it was stored.
fn accepted(manifest: &Manifest) {
    let component = |component: &thymis_core::manifest::Component| {
        let permissions = component.permissions.iter().cloned().map(Into::into).collect();
        (component.file.clone(), ComponentTerms { digest: Digest::of(b""), permissions })
    };
    let terms = Terms {
        manifest: Digest::of(b""),
        components: manifest.components.iter().map(component).collect(),
        device_types: manifest.device_types.iter().map(|device| (device.id.clone(), device.output.clone())).collect(),
    };
    let pin = Pin {
        url: "git+https://example.org/x".to_owned(),
        revision: Revision::from_bytes([1; 20]),
        nar_hash: NarHash::from_bytes([1; 32]),
        last_modified: 1,
        inputs: BTreeMap::new(),
    };
    let grant = Some(Grant { digest: terms.digest(&pin), terms: terms.clone() });
    let mut lock = Lock::new();
    lock.inputs.insert("x".parse().unwrap(), Entry { grant, ..Entry::pinned(pin) });
    let read = Lock::parse(&json::write(&lock).unwrap()).unwrap();
    assert_eq!(read, lock);
    assert!(read.inputs.values().all(|entry| entry.granted(&terms).is_ok()));
}
