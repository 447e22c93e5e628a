//! One virtual machine: a service that runs QEMU.

use thymis_sdk::prelude::*;

use super::USER;

/// Where disks are.
const DISKS: &str = "/var/lib/vm-host";

/// A virtual machine.
#[derive(Settings)]
pub struct Machine {
    /// Processors that the machine sees.
    #[setting(
        default = 1,
        min = 1,
        max = 128,
        label = "CPUs",
        label(de = "CPUs"),
        description(de = "Prozessoren, die die Maschine sieht.")
    )]
    cpus: u32,
    /// Memory in MiB.
    #[setting(
        default = 1024,
        min = 64,
        max = 1_048_576,
        label = "Memory (MiB)",
        label(de = "Arbeitsspeicher (MiB)"),
        description(de = "Arbeitsspeicher in MiB.")
    )]
    memory: u32,
    /// Size of a new disk in GiB. A disk that is there stays as it is.
    #[setting(
        default = 20,
        min = 1,
        max = 65_536,
        label = "Disk (GiB)",
        label(de = "Festplatte (GiB)"),
        description(de = "Größe einer neuen Festplatte in GiB. Eine vorhandene bleibt, wie sie ist.")
    )]
    disk: u32,
    /// An image on the host to install from. The machine starts from it while its disk is empty.
    #[setting(
        label = "CD image",
        label(de = "CD-Abbild"),
        example = "/var/lib/vm-host/installer.iso",
        description(
            de = "Ein Abbild auf dem Host, von dem installiert wird. Die Maschine startet davon, solange ihre \
            Festplatte leer ist."
        )
    )]
    cd_image: Option<DevicePath>,
    /// The hardware address of its network interface. Without one, the address is made of the names of host and machine.
    #[setting(
        pattern = "[0-9a-f][26ae](:[0-9a-f]{2}){5}",
        example = "52:54:00:12:34:56",
        label = "MAC address",
        label(de = "MAC-Adresse"),
        description(
            de = "Die Hardware-Adresse der Netzwerkschnittstelle. Ohne Angabe entsteht sie aus den Namen von Host \
            und Maschine."
        )
    )]
    mac: Option<String>,
    /// Starts the machine with the host.
    #[setting(
        default = true,
        label(de = "Automatisch starten"),
        description(de = "Startet die Maschine mit dem Host.")
    )]
    autostart: bool,
}

/// The machine's end of the network on the host; at most 15 bytes, as Linux wants.
pub fn interface(name: &str) -> String {
    format!("vm-{name}")
}

impl Machine {
    /// The same for the same names, wherever and whenever it is generated.
    pub fn mac(&self, host: &str, name: &str) -> String {
        self.mac.clone().unwrap_or_else(|| {
            // FNV-1a; `52:54:00` is what virtual machines use.
            let hash = format!("{host}/{name}")
                .bytes()
                .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
            let [_, a, b, c] = hash.to_be_bytes();
            format!("52:54:00:{a:02x}:{b:02x}:{c:02x}")
        })
    }

    pub fn generate(&self, name: &str, mac: &str, config: &mut Config) {
        let unit = format!("vm-{name}");
        config
            .at(path!["networking", "interfaces", interface(name)])
            .set("virtual", true)
            .set("virtualType", "tap")
            .set("virtualOwner", USER);

        let qemu = nix::pkgs("qemu_kvm");
        let create = nix::write_shell_application("vm-create-disk", [&qemu], include_str!("create-disk.sh"));
        let stop = nix::write_shell_application(
            "vm-stop",
            [nix::pkgs("socat"), nix::pkgs("coreutils")],
            include_str!("stop.sh"),
        );
        let mut service = config.at(path!["systemd", "services", unit.as_str()]);
        service
            .set("description", format!("Virtual machine {name}"))
            .set("after", ["network.target"])
            .set("environment.DISK", disk(name))
            .set("environment.SIZE", format!("{}G", self.disk))
            .set("environment.MONITOR", monitor(name))
            .set("restartIfChanged", false);
        if self.autostart {
            service.set("wantedBy", ["multi-user.target"]);
        }
        service
            .at("serviceConfig")
            .set("ExecStartPre", nix::get_exe(create))
            .set("ExecStart", text!("{}/bin/qemu-kvm {}", qemu, self.command_line(name, mac)))
            .set("ExecStop", nix::get_exe(stop))
            .set("TimeoutStopSec", 120)
            .set("Restart", "on-failure")
            .set("User", USER)
            .set("Group", USER)
            .set("SupplementaryGroups", ["kvm"])
            .set("StateDirectory", "vm-host")
            .set("RuntimeDirectory", unit)
            .set("RuntimeDirectoryMode", "0700")
            .set("NoNewPrivileges", true)
            .set("ProtectSystem", "strict");
    }

    /// QEMU's arguments, each one word for systemd.
    fn command_line(&self, name: &str, mac: &str) -> String {
        let mut words: Vec<String> = [
            ("-name", name.to_owned()),
            ("-machine", "q35,accel=kvm".to_owned()),
            ("-cpu", "host".to_owned()),
            ("-smp", self.cpus.to_string()),
            ("-m", format!("{}M", self.memory)),
            ("-drive", format!("file={},if=virtio,format=qcow2,discard=unmap", disk(name))),
            ("-netdev", format!("tap,id=net,ifname={},script=no,downscript=no", interface(name))),
            ("-device", format!("virtio-net-pci,netdev=net,mac={mac}")),
            ("-vnc", format!("unix:/run/vm-{name}/vnc")),
            ("-monitor", format!("unix:{},server=on,wait=off", monitor(name))),
        ]
        .into_iter()
        .flat_map(|(option, value)| [option.to_owned(), value])
        .collect();
        if let Some(image) = &self.cd_image {
            // QEMU splits an option's value at commas, and reads two of them as one.
            let file = image.as_str().replace(',', ",,");
            words.extend(["-drive".to_owned(), format!("file={file},media=cdrom,readonly=on")]);
        }
        let words: Vec<_> = words.iter().map(|word| escape::systemd_word(word)).collect();
        words.join(" ")
    }
}

fn disk(name: &str) -> String {
    format!("{DISKS}/{name}.qcow2")
}

fn monitor(name: &str) -> String {
    format!("/run/vm-{name}/monitor")
}
