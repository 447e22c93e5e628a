//! Virtual machines as services, each with a disk, and an interface on a bridge.

use std::collections::{BTreeMap, BTreeSet};

use thymis_sdk::prelude::*;

mod machine;

use machine::Machine;

/// The user that all machines run as.
const USER: &str = "vm-host";

/// How machines and host reach the network.
#[derive(Settings)]
struct Bridge {
    /// Its name on the host.
    #[setting(
        default = "br0",
        pattern = "br[a-z0-9]{1,8}",
        label(de = "Name"),
        description(de = "Der Name auf dem Host.")
    )]
    name: String,
    /// The host's own interfaces in the bridge. The network sees the machines as if they were connected there.
    #[setting(
        min_items = 1, max_items = 8, unique_by = "", example = ["enp1s0"], label(de = "Schnittstellen"),
        description(de = "Die eigenen Schnittstellen des Hosts in der Brücke. Für das Netzwerk sind die Maschinen dort \
            angeschlossen."),
        items(pattern = "[A-Za-z][A-Za-z0-9._-]{0,14}")
    )]
    interfaces: Vec<String>,
    /// Asks the network for the host's address. Without it, give the bridge an address elsewhere.
    #[setting(
        default = true,
        label = "DHCP",
        label(de = "DHCP"),
        description(
            de = "Fragt das Netzwerk nach der Adresse des Hosts. Sonst muss die Brücke ihre Adresse anderswo \
            bekommen."
        )
    )]
    dhcp: bool,
}

/// Machines that people manage themselves.
#[derive(Settings)]
struct Libvirt {
    /// Users of the host who may create and change machines. That is as good as being root there.
    #[setting(
        default = [], max_items = 100, items(pattern = "[a-z_][a-z0-9_-]{0,30}"), label(de = "Verwalter"),
        description(de = "Benutzer des Hosts, die Maschinen anlegen und ändern dürfen. Damit sind sie dort so gut wie root.")
    )]
    administrators: Vec<String>,
}

/// Runs virtual machines on this device.
#[derive(Settings)]
pub struct VmHost {
    /// Connects the machines with the network.
    #[setting(label(de = "Brücke"), description(de = "Verbindet die Maschinen mit dem Netzwerk."))]
    bridge: Bridge,
    /// The virtual machines by name. They belong to one host, so a tag has none.
    #[setting(
        default = BTreeMap::new(), max_items = 64, key_pattern = "[a-z][a-z0-9-]{0,11}",
        visible_if("@target" = "configuration"), label(de = "Maschinen"),
        description(de = "Die virtuellen Maschinen nach Namen. Sie gehören zu einem Host, darum hat ein Tag keine.")
    )]
    machines: BTreeMap<String, Machine>,
    /// Also runs libvirt, for machines that people manage themselves.
    #[setting(
        label = "libvirt",
        label(de = "libvirt"),
        description(de = "Betreibt auch libvirt, für Maschinen, die jemand selbst verwaltet.")
    )]
    libvirt: Option<Libvirt>,
}

impl Module for VmHost {
    const ICON: Option<&'static str> = Some(include_str!("icon.svg"));
    const ICON_DARK: Option<&'static str> = Some(include_str!("icon-dark.svg"));

    fn label() -> Localized {
        Localized::from("VM host").and("de", "VM-Host")
    }

    fn description() -> Localized {
        Self::about().and("de", "Betreibt virtuelle Maschinen auf diesem Gerät.")
    }

    fn category() -> Localized {
        Localized::from("Servers").and("de", "Server")
    }

    fn generate(self, context: &Context, config: &mut Config) -> Result<(), Problems> {
        let machines = self.addressed(context)?;
        config.assert(
            nix::eq(nix::system(), "x86_64-linux"),
            "The module vm-host runs on x86_64-linux only: choose another device type or remove it.",
        );
        self.bridge.generate(config);
        if !machines.is_empty() {
            config.at(path!["users", "users", USER]).set("isSystemUser", true).set("group", USER);
            config.merge(path!["users", "groups", USER], attrs! {});
        }
        for (name, mac, machine) in machines {
            config.merge(path!["networking", "bridges", &self.bridge.name, "interfaces"], [machine::interface(name)]);
            machine.generate(name, &mac, config);
        }
        if let Some(libvirt) = &self.libvirt {
            config.set("virtualisation.libvirtd.enable", true);
            config.merge("virtualisation.libvirtd.allowedBridges", [&self.bridge.name]);
            config.merge("users.groups.libvirtd.members", Expr::list(&libvirt.administrators));
        }
        Ok(())
    }
}

impl VmHost {
    /// Every machine with its name and the hardware address that it alone has.
    fn addressed(&self, context: &Context) -> Result<Vec<(&str, String, &Machine)>, Problems> {
        let host = match context.target() {
            Target::Configuration(id) | Target::Tag(id) => id,
        };
        let mut problems = Problems::default();
        let mut seen = BTreeSet::new();
        let mut machines = Vec::new();
        for (name, machine) in &self.machines {
            let mac = machine.mac(host, name);
            if !seen.insert(mac.clone()) {
                let message = Localized::from(format!("another machine has the address {mac}; set one"))
                    .and("de", format!("eine andere Maschine hat die Adresse {mac}; eine setzen"));
                problems.push(Problem::at(format!("/machines/{name}/mac"), message));
            }
            machines.push((name.as_str(), mac, machine));
        }
        problems.into_result().map(|()| machines)
    }
}

impl Bridge {
    fn generate(&self, config: &mut Config) {
        config.merge(path!["networking", "bridges", &self.name, "interfaces"], Expr::list(&self.interfaces));
        if self.dhcp {
            config.set(path!["networking", "interfaces", &self.name, "useDHCP"], true);
        }
    }
}

thymis_sdk::export!(VmHost);
