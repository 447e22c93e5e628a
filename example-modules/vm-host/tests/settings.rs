//! What a person sets is what the host runs.

use thymis_sdk::{Json, json, testing};
use vm_host::VmHost;

fn settings(machines: Json) -> Json {
    json!({ "bridge": { "interfaces": ["enp1s0"] }, "machines": machines })
}

fn command(machine: Json) -> String {
    let rendered = testing::render::<VmHost>(settings(json!({ "web": machine })));
    rendered.value("systemd.services.vm-web.serviceConfig.ExecStart").as_str().unwrap_or_default().to_owned()
}

#[test]
fn machines_and_the_hosts_interface_are_on_the_bridge() {
    let rendered = testing::render::<VmHost>(settings(json!({ "web": {}, "db": {} })));
    assert_eq!(rendered.value("networking.interfaces.br0.useDHCP"), true);
    let text = rendered.to_string();
    for interface in ["enp1s0", "vm-web", "vm-db"] {
        assert!(
            text.contains(&format!("networking.bridges.br0.interfaces = /* merge */ [ \"{interface}\" ]")),
            "{text}"
        );
    }
    assert_eq!(
        rendered.value("networking.interfaces.vm-web"),
        json!({ "virtual": true, "virtualType": "tap", "virtualOwner": "vm-host" })
    );
}

#[test]
fn a_host_without_machines_has_no_user_for_them() {
    let rendered = testing::render::<VmHost>(settings(json!({})));
    assert!(!rendered.defines("users") && !rendered.defines("systemd") && !rendered.defines("virtualisation"));
}

#[test]
fn a_machine_gets_what_was_set() {
    let command = command(json!({ "cpus": 4, "memory": 2048, "mac": "52:54:00:00:00:01" }));
    for part in [r#""-smp" "4""#, r#""-m" "2048M""#, "mac=52:54:00:00:00:01", "ifname=vm-web,"] {
        assert!(command.contains(part), "{part} in {command}");
    }
}

#[test]
fn no_path_becomes_another_argument_or_option() {
    let command = command(json!({ "cd_image": "/iso/a b\" -snapshot,if=none %h $HOME.iso" }));
    assert!(
        command.ends_with(r#""-drive" "file=/iso/a b\" -snapshot,,if=none %%h $$HOME.iso,media=cdrom,readonly=on""#),
        "{command}"
    );
}

#[test]
fn hardware_addresses_stay_and_differ() {
    let addresses = || {
        let text = testing::render::<VmHost>(settings(json!({ "web": {}, "db": {} }))).to_string();
        text.split("mac=").skip(1).map(|rest| rest[..17].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(addresses(), addresses());
    assert_eq!(addresses().len(), 2);
    assert_ne!(addresses()[0], addresses()[1]);

    let same = json!({ "a": { "mac": "52:54:00:00:00:01" }, "b": { "mac": "52:54:00:00:00:01" } });
    assert_eq!(testing::refuse::<VmHost>(settings(same))[0].setting(), Some("/machines/b/mac"));
}

#[test]
fn libvirt_runs_only_when_asked_for() {
    let rendered = testing::render::<VmHost>(json!({
        "bridge": { "interfaces": ["enp1s0"], "name": "br1" }, "libvirt": { "administrators": ["ada"] },
    }));
    assert_eq!(rendered.value("virtualisation.libvirtd"), json!({ "enable": true, "allowedBridges": ["br1"] }));
    assert_eq!(rendered.value("users.groups.libvirtd.members"), json!(["ada"]));
}

#[test]
fn a_bridge_needs_an_interface() {
    let problems = testing::refuse::<VmHost>(json!({ "bridge": { "interfaces": [] } }));
    assert_eq!(problems[0].setting(), Some("/bridge/interfaces"));
}
