//! What a repository's authors publish: a manifest, and a component that describes and answers what a test says.

use serde_json::json;
use thymis_core::wire;
use thymis_tests::{Answer, guest::Guest};

/// The option that every release asks for and sets.
pub(crate) const OPTION: &str = "systemd.services.temperature-logger";
/// Where the component lies.
pub(crate) const FILE: &str = "modules/temperature_logger.wasm";

/// One state of a repository with modules.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    says: String,
    modules: Vec<wire::Descriptor>,
    permissions: Vec<(&'static str, &'static str)>,
}

impl Release {
    /// One module, `temperature-logger`, with the settings of the sample project. What it generates says `says`.
    pub(crate) fn saying(says: &str) -> Self {
        let settings = [("log_file", "string"), ("interval", "int"), ("unit", "string")];
        Self {
            says: says.to_owned(),
            modules: vec![module("temperature-logger", &settings)],
            permissions: vec![("option", OPTION)],
        }
    }

    /// Asks for more.
    pub(crate) fn asking(mut self, kind: &'static str, value: &'static str) -> Self {
        self.permissions.push((kind, value));
        self
    }

    /// With another module, without settings.
    pub(crate) fn module(mut self, name: &str) -> Self {
        self.modules.push(module(name, &[]));
        self
    }

    /// The first module goes by another name.
    pub(crate) fn renamed(mut self, name: &str) -> Self {
        let first = &mut self.modules[0];
        let former = std::mem::replace(&mut first.name, name.to_owned());
        self.formerly(&former)
    }

    /// The first module says of no earlier name.
    pub(crate) fn not_formerly(mut self) -> Self {
        self.modules[0].extra.clear();
        self
    }

    /// What the first module was before.
    pub(crate) fn formerly(mut self, former: &str) -> Self {
        let formerly = json!([former]).to_string();
        self.modules[0].extra.push(wire::Extra { key: "formerly".to_owned(), value: formerly });
        self
    }

    /// The first module has another setting, `required` or not.
    pub(crate) fn setting(mut self, key: &str, required: bool) -> Self {
        let first = &mut self.modules[0];
        let setting = wire::Setting { required, ..setting(key, 0) };
        let wire::Shape::Group(group) = &mut first.types[first.settings as usize].shape else { unreachable!() };
        group.push(setting);
        self
    }

    /// The first module hasn't this setting any more.
    pub(crate) fn without(mut self, key: &str) -> Self {
        let first = &mut self.modules[0];
        let wire::Shape::Group(group) = &mut first.types[first.settings as usize].shape else { unreachable!() };
        group.retain(|setting| setting.key != key);
        self
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        let path: Vec<&str> = OPTION.split('.').chain(["description"]).collect();
        let mut answer = Answer::default();
        let says = answer.text(&self.says);
        // Strong enough that a tag wins over a weaker one.
        answer.define(&path, says, wire::Strength::Override);
        Guest::describing(&self.modules).answer(&Ok(answer.0)).component()
    }

    pub(crate) fn manifest(&self) -> String {
        let mut text = format!(
            "manifest = 1\n\n[repository]\nname = \"temperature-logger\"\nversion = \"1.0.0\"\n\
             description = \"Logs the temperature\"\n\n[[component]]\nfile = \"{FILE}\"\nwit = \"0.1\"\n"
        );
        for (kind, value) in &self.permissions {
            let value = if value.is_empty() { String::new() } else { format!("value = \"{value}\"\n") };
            text += &format!("\n[[component.permission]]\nkind = \"{kind}\"\n{value}reason = \"It is needed.\"\n");
        }
        text
    }
}

fn module(name: &str, settings: &[(&str, &str)]) -> wire::Descriptor {
    let scalar = |name: &str| wire::SettingType { shape: wire::Shape::Scalar(name.to_owned()), constraints: vec![] };
    let group = settings.iter().enumerate().map(|(index, (key, _))| setting(key, index as u32)).collect();
    let mut types: Vec<_> = settings.iter().map(|(_, kind)| scalar(kind)).collect();
    types.push(wire::SettingType { shape: wire::Shape::Group(group), constraints: vec![] });
    wire::Descriptor {
        name: name.to_owned(),
        schema_version: 1,
        label: vec![],
        description: vec![],
        category: vec![],
        settings: types.len() as u32 - 1,
        types,
        extra: vec![],
    }
}

fn setting(key: &str, type_: u32) -> wire::Setting {
    wire::Setting {
        key: key.to_owned(),
        type_,
        label: vec![],
        description: vec![],
        required: false,
        default: None,
        example: None,
        conditions: vec![],
        extra: vec![],
    }
}
