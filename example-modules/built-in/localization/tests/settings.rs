//! The same values as Thymis 0.9 makes of the same stored settings.

use thymis_module_localization::Localization;
use thymis_sdk::{json, testing};

#[test]
fn without_a_time_zone_a_usual_one_gives_way_to_that_of_a_tag() {
    let rendered = testing::render::<Localization>(json!({}));
    assert_eq!(rendered.paths(), ["time.timeZone"]);
    assert_eq!(rendered.value("time.timeZone"), "Europe/Berlin");
    assert_eq!(rendered.strength("time.timeZone"), Some("merge"));
}

#[test]
fn a_time_zone_that_is_set_wins_over_that_of_a_tag() {
    let rendered = testing::render::<Localization>(json!({
        "timezone": "Etc/GMT+5", "time_servers": [{ "server": "ntp.münchen.example \"\\${x}''" }],
    }));
    assert_eq!(rendered.value("time.timeZone"), "Etc/GMT+5");
    assert_eq!(rendered.strength("time.timeZone"), Some("override"));
    assert_eq!(rendered.value("networking.timeServers"), json!(["ntp.münchen.example \"\\${x}''"]));
    assert_eq!(rendered.strength("networking.timeServers"), Some("merge"));
}

#[test]
fn a_blank_time_zone_sets_none() {
    let rendered = testing::render::<Localization>(json!({ "timezone": "", "time_servers": [] }));
    assert!(rendered.paths().is_empty());
}

#[test]
fn a_time_zone_is_text_whatever_is_in_it() {
    let zone = "Europe/Berlin\"; services.evil.enable = true; x = \"";
    assert_eq!(testing::render::<Localization>(json!({ "timezone": zone })).value("time.timeZone"), zone);
}

#[test]
fn blank_and_missing_servers_are_left_out_and_the_others_keep_their_order() {
    let servers = json!([{ "server": "b" }, {}, { "server": "" }, { "server": "a" }, { "server": "b" }]);
    let rendered = testing::render::<Localization>(json!({ "time_servers": servers }));
    assert_eq!(rendered.value("networking.timeServers"), json!(["b", "a", "b"]));
}
