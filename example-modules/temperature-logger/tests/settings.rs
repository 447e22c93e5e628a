//! What a person sets is what the device does.

use temperature_logger::TemperatureLogger;
use thymis_sdk::{Json, json, testing};

fn environment(settings: Json) -> Json {
    testing::render::<TemperatureLogger>(settings).value("systemd.services.temperature-logger.environment")
}

#[test]
fn without_settings_it_logs_every_minute_in_celsius() {
    assert_eq!(
        environment(json!({})),
        json!({ "LOG_FILE": "/var/log/temperature.log", "INTERVAL": "60", "UNIT": "celsius" })
    );
}

#[test]
fn settings_reach_the_script_as_its_environment() {
    assert_eq!(
        environment(json!({ "log_file": "/data/100%.log", "interval": 5, "unit": "fahrenheit" })),
        json!({ "LOG_FILE": "/data/100%%.log", "INTERVAL": "5", "UNIT": "fahrenheit" })
    );
}

#[test]
fn the_script_is_the_same_whatever_is_set() {
    let script = |settings| {
        let rendered = testing::render::<TemperatureLogger>(settings);
        rendered.value("systemd.services.temperature-logger.serviceConfig.ExecStart")
    };
    assert_eq!(script(json!({})), script(json!({ "log_file": "/tmp/'; import os #" })));
}

#[test]
fn one_service_is_all_that_it_defines() {
    let rendered = testing::render::<TemperatureLogger>(json!({}));
    assert!(rendered.paths().iter().all(|path| path.starts_with("systemd.services.temperature-logger.")), "{rendered}");
    assert_eq!(rendered.strength("systemd.services.temperature-logger.wantedBy"), Some("merge"));
}

#[test]
fn intervals_are_seconds_of_at_most_a_day() {
    for wrong in [json!(0), json!(86_401), json!(-1), json!("60"), json!(1.5)] {
        let problems = testing::refuse::<TemperatureLogger>(json!({ "interval": wrong }));
        assert!(problems.iter().all(|problem| problem.setting() == Some("/interval")), "{problems:?}");
    }
}
