//! Values to answer with, each as small as it may be.

use thymis_core::wire::{self, Expr};
use thymis_tests::guest::Guest;

pub(crate) fn configuration(exprs: Vec<Expr>) -> wire::Configuration {
    wire::Configuration { exprs, ..Default::default() }
}

/// Answers with expressions, the last of which is an option's value.
pub(crate) fn answering(exprs: Vec<Expr>) -> Guest {
    let value = u32::try_from(exprs.len() - 1).unwrap();
    let definition = wire::Definition { path: vec!["a".into()], value, strength: wire::Strength::Merge };
    Guest::answering(&wire::Configuration { exprs, definitions: vec![definition], ..Default::default() })
}

/// Answers with one definition of an option.
pub(crate) fn defining(path: Vec<String>) -> Guest {
    let definition = wire::Definition { path, value: 0, strength: wire::Strength::Merge };
    Guest::answering(&wire::Configuration {
        exprs: vec![Expr::Null],
        definitions: vec![definition],
        ..Default::default()
    })
}

pub(crate) fn described(descriptor: wire::Descriptor) -> Guest {
    Guest::describing(&[descriptor])
}

pub(crate) fn with_shape(shape: wire::Shape) -> Guest {
    described(wire::Descriptor { types: vec![wire::SettingType { shape, constraints: vec![] }], ..descriptor() })
}

pub(crate) fn with_settings(settings: Vec<wire::Setting>) -> Guest {
    let scalar = wire::SettingType { shape: wire::Shape::Scalar("int".into()), constraints: vec![] };
    let group = wire::SettingType { shape: wire::Shape::Group(settings), constraints: vec![] };
    described(wire::Descriptor { types: vec![scalar, group], settings: 1, ..descriptor() })
}

pub(crate) fn with_extras(extra: Vec<wire::Extra>) -> Guest {
    described(wire::Descriptor { extra, ..descriptor() })
}

pub(crate) fn descriptor() -> wire::Descriptor {
    wire::Descriptor {
        name: "large".into(),
        schema_version: 1,
        label: vec![translation()],
        description: vec![],
        category: vec![],
        types: vec![wire::SettingType { shape: wire::Shape::Group(vec![]), constraints: vec![] }],
        settings: 0,
        extra: vec![],
    }
}

pub(crate) fn setting() -> wire::Setting {
    wire::Setting {
        key: "a".into(),
        type_: 0,
        label: vec![translation()],
        description: vec![],
        required: false,
        default: None,
        example: None,
        conditions: vec![],
        extra: vec![],
    }
}

pub(crate) fn translation() -> wire::Translation {
    wire::Translation { locale: "en".into(), text: "a".into() }
}

pub(crate) fn extra(key: &str, value: &str) -> wire::Extra {
    wire::Extra { key: key.into(), value: value.into() }
}
