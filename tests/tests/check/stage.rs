use std::{collections::BTreeSet, fs, path::PathBuf, sync::OnceLock};

use serde_json::{Value, json};
use thymis_tests::{Example, World, commit};

/// A project with the inputs `nixpkgs`, `thymis` and `picky`.
pub(crate) struct Stage {
    pub(crate) world: World,
}

/// What the flake of `picky` has besides its options.
pub(crate) const PLAIN: &str = "{ }";

/// Bounds that are soon reached.
pub(crate) const LIMITS: [&str; 4] = ["--limit", "nix_seconds=6", "--limit", "nix_memory_bytes=700_000_000"];

impl Stage {
    pub(crate) fn new() -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let stage = Self::with(PLAIN, &[]);
            stage.world.kept()
        });
        Self { world: World::copy_of(template) }
    }

    /// With a NixOS module that `picky` imports into each device, more files, and more permissions.
    pub(crate) fn with(module: &str, files: &[(&str, &str)]) -> Self {
        let world = World::empty();
        world.thymis_in(world.path(), &["init", "project"]).done();
        for (name, repository) in World::inputs().iter().take(2) {
            world.add(name, repository).done();
        }
        let repository = world.own(Example::Picky);
        let flake = format!(
            "{{ outputs = {{ self }}: {{ nixosModules.default = {{ lib, ... }}: {{ imports = [ {OPTIONS} ({module}) ]; }}; }}; }}\n"
        );
        for (file, text) in [("flake.nix", flake.as_str())].iter().chain(files) {
            fs::write(repository.join(file), text).unwrap();
        }
        commit(&repository);
        world.add("picky", &repository).done();
        world.thymis(&["input", "accept", "picky", "--yes"]).done();
        Self { world }
    }

    /// Whether nixpkgs' own lib evaluates.
    pub(crate) fn is_real() -> bool {
        std::env::var_os("THYMIS_NIXPKGS_LIB").is_some_and(|folder| !folder.is_empty())
    }

    /// A configuration with these modules.
    pub(crate) fn device(&self, id: &str, modules: &[Value]) {
        self.world.write(&format!("state/configurations/{id}.json"), json!({ "modules": modules }).to_string());
    }

    /// Generates what can be generated.
    pub(crate) fn generate(&self) {
        self.world.thymis(&["generate", "--keep-going"]).done();
    }

    /// What `check --json` answers, and its exit code.
    #[track_caller]
    pub(crate) fn check(&self, arguments: &[&str]) -> (Value, i32) {
        let output = self.world.thymis(&[&LIMITS[..], &["--json", "check"], arguments].concat());
        assert!(!output.stdout.contains('\u{1b}'), "{}", output.stdout);
        (output.json(), output.code)
    }
}

/// What `picky` may set: with types, so that settings can be wrong for Nix alone.
const OPTIONS: &str = r#"{
  options.services.picky = lib.mkOption {
    default = { };
    type = lib.types.attrsOf (lib.types.submodule {
      options.name = lib.mkOption { type = lib.types.str; };
      options.level = lib.mkOption { type = lib.types.ints.between 1 5; };
      options.reason = lib.mkOption { type = lib.types.nullOr lib.types.str; default = null; };
    });
  };
}"#;

/// A use of the operator's own Nix.
pub(crate) fn nix(text: &str) -> Value {
    json!({ "module": "thymis/custom-nix", "settings": { "settings": text } })
}

/// A use of `picky`.
pub(crate) fn picky(level: u32) -> Value {
    json!({ "module": "picky/picky", "settings": { "name": "x", "level": level } })
}

/// The configurations of an answer with this status.
pub(crate) fn of_status(answer: &Value, status: &str) -> BTreeSet<String> {
    let all = answer["configurations"].as_object().unwrap();
    all.iter().filter(|(_, one)| one["status"] == status).map(|(id, _)| id.clone()).collect()
}
