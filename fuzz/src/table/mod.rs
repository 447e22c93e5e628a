mod answer;
mod syntax;

use std::sync::{Arc, LazyLock};

use serde_json::json;
use thymis_core::{
    authority::Authority,
    conflict::{Origin, TargetId},
    expr::{Configuration, Expr, Part, Trust},
    instance::{AnswerError, Rendered, render},
    nix,
    schema::{Descriptor, Settings},
    wire,
};

use crate::{decode::Bytes, shown};

static ORIGIN: LazyLock<Arc<Origin>> = LazyLock::new(|| {
    let [target, module, instance] = ["host", "own/module", "instance"];
    let target = TargetId::Configuration(target.parse().unwrap());
    Arc::new(Origin { target, module: module.parse().unwrap(), instance: instance.parse().unwrap() })
});

/// With the handles `secret:0` and `artifact:1`.
static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let scalar =
        |name: &str| wire::SettingType { shape: wire::Shape::Scalar(name.to_owned()), constraints: Vec::new() };
    let setting = |(key, type_): (&str, u32)| wire::Setting {
        key: key.to_owned(),
        type_,
        label: Vec::new(),
        description: Vec::new(),
        required: false,
        default: None,
        example: None,
        conditions: Vec::new(),
        extra: Vec::new(),
    };
    let group = wire::Shape::Group([("password", 0), ("logo", 1)].map(setting).into());
    let descriptor = wire::Descriptor {
        name: "module".to_owned(),
        schema_version: 1,
        label: Vec::new(),
        description: Vec::new(),
        category: Vec::new(),
        types: vec![scalar("secret"), scalar("artifact"), wire::SettingType { shape: group, constraints: Vec::new() }],
        settings: 2,
        extra: Vec::new(),
    };
    let stored = json!({ "password": "p", "logo": "a \"${b}.png" });
    Descriptor::check(descriptor).unwrap().settings.validate(&stored, wire::TargetKind::Configuration).unwrap()
});

/// A module's answer, printed: whatever is accepted is read as the host's own forms with the module's texts as strings.
pub fn table(bytes: &[u8]) {
    let answer = answer::decode(&mut Bytes(bytes));
    for trust in [Trust::External, Trust::BuiltIn] {
        printed(&answer, trust);
    }
    let nothing = Authority { permissions: &[] };
    match render(answer, &ORIGIN, 80, &SETTINGS, Some(nothing), Trust::External) {
        Ok(rendered) => assert!(rendered.facts.is_empty() && !rendered.uses_input && !rendered.uses_raw),
        Err(error) => refused(&error),
    }
}

fn rendered(answer: &wire::Configuration, trust: Trust) -> Result<Rendered, AnswerError> {
    render(answer.clone(), &ORIGIN, 80, &SETTINGS, None, trust)
}

fn refused(error: &AnswerError) {
    match error {
        AnswerError::Refused(refusals) => refusals.iter().for_each(|refusal| shown::fit(&refusal.to_string())),
        // Names the option, written out.
        AnswerError::Denied(denied) => {
            denied.iter().for_each(|denied| shown::fit_within(&denied.to_string(), 64 << 10))
        }
    }
}

fn printed(answer: &wire::Configuration, trust: Trust) {
    let section = match rendered(answer, trust) {
        Ok(rendered) => rendered.section,
        Err(error) => return refused(&error),
    };
    assert_eq!(rendered(answer, trust).map(|rendered| rendered.section).as_ref(), Ok(&section));
    let (pieces, bytes) = answer::size(answer);
    assert!(section.len() <= 4096 + 2048 * pieces + 16 * bytes, "{pieces} pieces of {bytes} bytes: {}", section.len());

    let tree = syntax::items(&section);
    let strings = syntax::strings(&tree);
    let checked = Configuration::check(answer.clone(), trust).unwrap();
    let conditions = checked.checks.iter().filter_map(|check| check.holds.as_ref());
    for value in checked.definitions.iter().map(|definition| &definition.value).chain(conditions) {
        value.visit(&mut |expr| {
            if let Expr::Text(parts) = expr {
                for text in literals(parts) {
                    assert!(strings.contains(&text), "{text:?} is no string in {section}");
                }
            }
        });
    }

    // Raw Nix is one expression in parentheses, so that another in its place changes nothing around it.
    let mut without_raw = answer.clone();
    for expr in &mut without_raw.exprs {
        if let wire::Expr::Raw(text) = expr {
            syntax::RAW.clone_into(text);
        }
    }
    let plain = syntax::items(&rendered(&without_raw, trust).unwrap().section);
    syntax::only_own_forms(&plain);
    syntax::same_but_raw(&plain, &tree);
    let host = nix::host(&"host".parse().unwrap(), &["tag".parse().unwrap()], &[section]);
    syntax::one_expression(&host);
}

/// The literal parts that stand in one piece: a text's neighbours are one.
fn literals(parts: &[Part]) -> Vec<String> {
    let pieces = parts.split(|part| matches!(part, Part::Embed(_)));
    let text = |part: &Part| if let Part::Literal(text) = part { text.clone() } else { String::new() };
    pieces.map(|piece| piece.iter().map(text).collect()).filter(|text: &String| !text.is_empty()).collect()
}
