//! The schema that is printed; what it means is tried elsewhere, with a validator.

use super::*;

fn schema(descriptor: &Descriptor) -> Value {
    json_schema(&"input/logger".parse().unwrap(), descriptor)
}

#[test]
fn a_form_can_be_made_of_it() {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let port = t.limited("int", json!({ "min": 1, "max": 65535 }));
    let name = t.limited("string", json!({ "pattern": "[a-z]+", "max-length": 8 }));
    let descriptor = t.check(vec![
        setting("tls", flag).default(json!(false)),
        setting("port", port).label("Port").required().with(|s| s.example = Some("443".to_owned())),
        setting("name", name)
            .visible("tls", json!(true))
            .when(wire::Effect::Required, &[("tls", json!(true))])
            .with(|s| s.extra = extras(json!({ "formerly": ["host"] }))),
    ]);
    let schema = schema(&descriptor);
    assert_eq!(schema["$id"], "urn:thymis:module:input/logger");
    assert_eq!(schema["required"], json!(["port"]));
    insta::assert_snapshot!(schema["properties"]["port"], @r#"{"title":"Port","x-thymis-title":{"en":"Port"},"examples":[443],"x-thymis-order":1,"x-thymis-required":true,"type":"integer","minimum":1,"maximum":65535,"x-thymis-type":"int"}"#);
    insta::assert_snapshot!(schema["properties"]["name"], @r##"{"x-thymis-order":2,"x-thymis-required":false,"x-thymis-formerly":["host"],"x-thymis-conditions":[{"effect":"visible","when":[{"setting":"tls","any-of":[true]}]},{"effect":"required","when":[{"setting":"tls","any-of":[true]}]}],"x-thymis-when-visible":{"$ref":"#/$defs/type-2"}}"##);
    insta::assert_snapshot!(schema["properties"]["host"], @r#"{"deprecated":true,"x-thymis-renamed-to":"name"}"#);
    insta::assert_snapshot!(schema["allOf"][0], @r##"{"if":{"$ref":"#/$defs/visible-1"},"then":{"properties":{"name":{"$ref":"#/$defs/type-2"}}}}"##);
    insta::assert_snapshot!(schema["$defs"], @r#"{"visible-1":{"properties":{"tls":{"enum":[true]}},"required":["tls"]},"type-2":{"type":"string","maxLength":8,"x-thymis-pattern":"[a-z]+","pattern":"^(?:[a-z]+)$","allOf":[{"pattern":"^[^\\n\\r\\u0000]*$"}],"x-thymis-type":"string"}}"#);
}

#[test]
fn required_is_what_must_be_stored() {
    let mut t = Types::default();
    let port = t.scalar("int");
    let lenient = t.group(vec![setting("port", port).required().default(json!(1))]);
    let strict = t.group(vec![setting("port", port).required()]);
    let outer = t.group(vec![setting("inner", strict).required()]);
    let descriptor = t.check(vec![
        setting("default", port).required().default(json!(1)),
        setting("lenient", lenient).required(),
        setting("strict", strict).required(),
        setting("outer", outer).required(),
        setting("optional", outer),
    ]);
    assert_eq!(schema(&descriptor)["required"], json!(["strict", "outer"]));
}

#[test]
fn a_small_table_is_a_small_schema() {
    let mut t = Types::default();
    let values: Vec<String> = (0..limits::CHOICES).map(|n| format!("choice-{n}")).collect();
    let mut type_ = t.select(&values.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..9 {
        type_ = t.group(vec![setting("a", type_), setting("b", type_)]);
    }
    let text = schema(&t.check(vec![setting("top", type_)])).to_string();
    assert!(text.len() < 1 << 20, "{}", text.len());
}

#[test]
fn a_long_chain_of_conditions_ends() {
    let mut t = Types::default();
    let flag = t.scalar("bool");
    let link = |n: usize| setting(&format!("s{n}"), flag).visible(&format!("s{}", n + 1), json!(true));
    let mut settings: Vec<_> = (0..limits::SETTINGS - 1).map(link).collect();
    settings.push(setting(&format!("s{}", limits::SETTINGS - 1), flag));
    let schema = schema(&t.check(settings));
    assert_eq!(schema["properties"].as_object().unwrap().len(), limits::SETTINGS);
    assert_eq!(schema["properties"]["s0"]["x-thymis-conditions"][0]["when"][0]["setting"], "s1");
}
