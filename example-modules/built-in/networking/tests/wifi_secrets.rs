//! The script that makes wpa_supplicant's file of secrets, run by bash.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

const SCRIPT: &str = include_str!("../src/wifi-secrets.sh");

/// A device's files; programs that the script calls write down how they were called.
struct Device(PathBuf);

impl Device {
    fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        let device = Self(folder);
        fs::write(device.0.join("ssid"), "Café $(x) 'y'").unwrap();
        device.program("systemctl", "echo \"systemctl $*\" >>\"$CALLS\"");
        device.program(
            "wpa_passphrase",
            "read -r line; echo \"wpa_passphrase $* <$line\" >>\"$CALLS\"\n\
             printf 'network={\\n\\tssid=\"x\"\\n\\t#psk=\"%s\"\\n\\tpsk=c0ffee\\n}\\n' \"$line\"",
        );
        device.program("chgrp", "exit 1");
        device
    }

    fn program(&self, name: &str, body: &str) {
        let file = self.0.join("bin").join(name);
        fs::write(&file, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn place(&self, password: &str) {
        fs::write(self.0.join("password"), password).unwrap();
    }

    fn run(&self) {
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("bash")
            .args(["-c", SCRIPT])
            .env_clear()
            .env("PATH", format!("{}:{path}", self.0.join("bin").display()))
            .env("CALLS", self.0.join("calls"))
            .env("PASSWORD_FILE", self.0.join("password"))
            .env("SSID_FILE", self.0.join("ssid"))
            .env("SECRETS_FILE", self.0.join("secrets"))
            .output()
            .expect("bash is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn secrets(&self) -> String {
        fs::read_to_string(self.0.join("secrets")).unwrap()
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.0.join("calls")).unwrap_or_default()
    }
}

#[test]
fn a_password_arrives_as_it_is_and_only_root_reads_it() {
    let device = Device::new("as-it-is");
    let password = "pä$$\\w `x` $(y) \"z\" = ${a}";
    device.place(password);
    device.run();
    assert_eq!(device.secrets(), format!("wifi_psk={password}\nwifi_password={password}\n"));
    assert_eq!(fs::metadata(device.0.join("secrets")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(device.calls(), "");
}

#[test]
fn line_breaks_at_the_end_are_no_part_of_the_password() {
    for (name, ending) in [("lf", "\n"), ("crlf", "\r\n")] {
        let device = Device::new(name);
        device.place(&format!("12345678{ending}"));
        device.run();
        assert_eq!(device.secrets(), "wifi_psk=12345678\nwifi_password=12345678\n");
    }
}

#[test]
fn a_password_that_the_file_cannot_hold_becomes_the_networks_key() {
    for (name, password) in [("hash", "pass#word"), ("blank", "password ")] {
        let device = Device::new(name);
        device.place(password);
        device.run();
        assert_eq!(device.secrets(), format!("wifi_psk=c0ffee\nwifi_password={password}\n"));
        assert!(device.calls().starts_with("wpa_passphrase Café $(x) 'y' <pass"), "{}", device.calls());
    }
}

#[test]
fn without_a_password_the_file_is_there_and_empty() {
    let device = Device::new("absent");
    device.run();
    assert_eq!(device.secrets(), "\n");
    assert_eq!(device.calls(), "");
}

#[test]
fn wpa_supplicant_restarts_when_the_password_changes_and_only_then() {
    let device = Device::new("changes");
    device.place("password-1");
    device.run();
    device.run();
    assert_eq!(device.calls(), "", "at first and without a change");
    device.place("password-2");
    device.run();
    assert_eq!(device.secrets(), "wifi_psk=password-2\nwifi_password=password-2\n");
    assert_eq!(device.calls(), "systemctl --no-block try-restart wpa_supplicant*.service\n");
}

#[test]
fn the_group_of_wpa_supplicant_may_read_the_file_where_there_is_one() {
    let device = Device::new("group");
    device.program("chgrp", "echo \"chgrp $1\" >>\"$CALLS\"");
    device.place("12345678");
    device.run();
    assert_eq!(device.calls(), "chgrp wpa_supplicant\n");
    assert_eq!(fs::metadata(device.0.join("secrets")).unwrap().permissions().mode() & 0o777, 0o440);
}
