//! A module as an operator has it: what its manifest asks for is accepted, its settings are filled in, and what it
//! answers goes the whole way to the file of a device.

use std::sync::Arc;

use rnix::{Root, SyntaxKind};
use serde_json::{Value, json};
use thymis_controller::project::FailureKind;
use thymis_core::{
    authority::Authority,
    conflict::{Origin, TargetId},
    expr::Trust,
    grant::Accepted,
    id::ConfigurationId,
    instance::{self, Rendered, Target},
    manifest::Manifest,
    nix,
    option::Class,
    schema::{Descriptor, Settings},
    wire::{self, TargetKind},
};
use thymis_sandbox::Component;
use thymis_tests::{Answer, guest::Guest};

use super::suite::{Ended, Stage};

pub(crate) struct Installed {
    permissions: Vec<Accepted>,
    stored: Value,
}

/// With these permissions, a line each: `kind value`, `!` behind it for force. `~` behind it: accepted when the table
/// of classes still said that this changes the network.
pub(crate) fn granted(permissions: &str) -> Installed {
    let line = |line: &str| {
        let (line, milder) = line.strip_suffix('~').map_or((line, false), |line| (line, true));
        let (line, force) = line.strip_suffix('!').map_or((line, false), |line| (line, true));
        let (kind, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = if value.is_empty() { String::new() } else { format!("value = '{value}'\n") };
        let force = if force { "force = true\n" } else { "" };
        let table = format!("[[component.permission]]\nkind = '{kind}'\n{value}reason = 'r'\n{force}");
        (table, milder)
    };
    let (tables, milder): (Vec<_>, Vec<_>) =
        permissions.lines().map(str::trim).filter(|it| !it.is_empty()).map(line).unzip();
    let head = "manifest = 1\n[repository]\nname = 'x'\nversion = '1'\ndescription = 'x'\n\
                [[component]]\nfile = 'x.wasm'\nwit = '0.1'\n";
    let manifest = Manifest::parse(format!("{head}{}", tables.concat()).as_bytes()).unwrap();
    let accepted = manifest.components[0].permissions.iter().cloned().map(Accepted::from);
    let accepted = accepted.zip(milder).map(|(accepted, milder)| match milder {
        true => Accepted { class: Class::Network, ..accepted },
        false => accepted,
    });
    let stored = json!({ "user": "alice", "users": ["alice", "bob"], "password": "db", "file": "a.conf" });
    Installed { permissions: accepted.collect(), stored }
}

impl Installed {
    /// With other settings.
    pub(crate) fn with(self, stored: Value) -> Self {
        Self { stored, ..self }
    }

    /// How generating ends, with what is printed where it comes to that.
    pub(crate) fn generate(&self, stage: &Stage, guest: Guest) -> Ended {
        self.as_described(stage, &guest.modules(&[descriptor()]))
    }

    /// The same for a table built id by id.
    pub(crate) fn answer(&self, stage: &Stage, build: impl FnOnce(&mut Answer)) -> Ended {
        let mut answer = Answer::default();
        build(&mut answer);
        self.generate(stage, Guest::answering(&answer.0))
    }

    /// The same for a guest that describes itself.
    pub(crate) fn as_described(&self, stage: &Stage, guest: &Guest) -> Ended {
        match self.file(stage, guest) {
            Ok((rendered, file)) => Ended::harmless(told(&rendered, &file)),
            Err(ended) => ended,
        }
    }

    fn file(&self, stage: &Stage, guest: &Guest) -> Result<(Rendered, String), Ended> {
        let component = stage.load(guest)?;
        let descriptors = Descriptor::check_all(component.describe()?.answer).unwrap();
        let settings = descriptors[0].settings.validate(&self.stored, TargetKind::Configuration);
        let settings = settings.map_err(|problems| Ended::harmless(FailureKind::Settings(problems)))?;
        self.rendered(&component, &descriptors[0], &settings)
    }

    fn rendered(
        &self,
        component: &Component,
        descriptor: &Descriptor,
        settings: &Settings,
    ) -> Result<(Rendered, String), Ended> {
        let target = target();
        let module = "stranger/module".parse().unwrap();
        let origin = Arc::new(Origin { target: target.id.clone(), instance: (&descriptor.name).into(), module });
        let answer = component.generate(&instance::request(&target, &origin, settings, None))?.answer;
        let answer = answer.map_err(|problems| Ended::harmless(FailureKind::Problems(problems)))?;
        let authority = Some(Authority { permissions: &self.permissions });
        let rendered = instance::render(answer, &origin, target.priority, settings, authority, Trust::External)?;
        let id: ConfigurationId = "lobby".parse().unwrap();
        let file = nix::host(&id, &[], &[&rendered.section]);
        Ok((rendered, file))
    }
}

fn target() -> Target {
    Target {
        id: TargetId::Configuration("lobby".parse().unwrap()),
        priority: 80,
        device_type: Some("generic-x86_64".into()),
        system: Some("x86_64-linux".into()),
        image_formats: vec!["qcow".into()],
    }
}

/// What comes out, once Nix can read it, and how much of what stands in its texts and names is code to Nix.
fn told(rendered: &Rendered, file: &str) -> String {
    let parsed = Root::parse(file);
    assert!(parsed.errors().is_empty(), "{file}");
    let is_code = |kind| matches!(kind, SyntaxKind::NODE_INTERPOL | SyntaxKind::NODE_DYNAMIC);
    let code = parsed.syntax().descendants().filter(|node| is_code(node.kind())).count();
    let mut lines = vec![format!("it prints, with {code} expressions in texts and names,")];
    let section = rendered.section.lines().skip(2);
    lines.extend(section.map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned()));
    if lines.last().is_some_and(|line| line == "}") {
        lines.pop();
    }
    lines.extend(rendered.secrets.iter().map(|it| format!("and places `{}` at {}", it.secret, it.path)));
    lines.join("\n")
}

/// A module with settings of each kind that a permission can depend on.
pub(crate) fn descriptor() -> wire::Descriptor {
    let shape = |shape| wire::SettingType { shape, constraints: vec![] };
    let scalar = |name: &str| shape(wire::Shape::Scalar(name.into()));
    let keys = [("user", 0), ("users", 3), ("password", 1), ("file", 2)];
    let settings = keys.map(|(key, type_)| setting(key, type_)).into();
    wire::Descriptor {
        name: "module".into(),
        schema_version: 2,
        label: vec![],
        description: vec![],
        category: vec![],
        types: vec![
            scalar("string"),
            scalar("secret"),
            scalar("artifact"),
            shape(wire::Shape::List(0)),
            shape(wire::Shape::Group(settings)),
        ],
        settings: 4,
        extra: vec![],
    }
}

pub(crate) fn setting(key: &str, type_: u32) -> wire::Setting {
    wire::Setting {
        key: key.into(),
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
