use std::collections::BTreeMap;

use super::InputError;
use crate::{nix::Nix, project::Project};

impl Project {
    /// Puts the files of all pinned inputs, and of their inputs as far as they are here, into the store of who runs this.
    /// Answers the store paths with the inputs that they are of.
    ///
    /// # Errors
    /// When an input can't be fetched, or there is no store to write to.
    pub fn store_inputs(&self, nix: &Nix) -> Result<BTreeMap<String, Vec<String>>, InputError> {
        let lock = self.lock()?;
        let mut sources = BTreeMap::new();
        for (name, entry) in &lock.inputs {
            let source = self.input_source(nix, name, entry).map_err(Box::new)?;
            sources.entry(source).or_insert_with(Vec::new).push(name.to_string());
        }
        let flake_lock = self.flake_lock()?;
        for hash in flake_lock.iter().flat_map(|lock| lock.below_direct()) {
            if let Some(source) = nix.source(&hash) {
                sources.entry(source).or_insert_with(|| vec!["an input of an input".to_owned()]);
            }
        }
        let mut stored = BTreeMap::new();
        for (source, names) in sources {
            nix.add_to_store(&source)?;
            stored.insert(source.path.to_string(), names);
        }
        Ok(stored)
    }
}
