use std::fmt;

use super::{
    path::OptionPath,
    pattern::{OptionPattern, Segment},
};

/// What someone who may set an option can do to the device. Lower numbers are worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// 1: everything, also setting any other option.
    WholeDevice,
    /// 2: run code as root.
    Root,
    /// 3: who may log in, and secrets.
    Accounts,
    /// 4: what the device reaches and who reaches it.
    Network,
    /// 5: kernel parameters and hardware.
    Hardware,
    /// 6: nothing of the above.
    Harmless,
}

impl Class {
    /// 1 (worst) to 6.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// What a person who accepts it should know.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::WholeDevice => "controls the whole device",
            Self::Root => "can run code as root",
            Self::Accounts => "changes accounts and secrets",
            Self::Network => "changes the network",
            Self::Hardware => "changes kernel and hardware settings",
            Self::Harmless => "harmless",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.meaning())
    }
}

/// Option patterns and their class; the most precise match decides, [`UNLISTED`] where there is none. `*` is any one name here.
///
/// What is milder than [`UNLISTED`] is listed by the option itself, never by a whole tree of options: most trees have hooks
/// that run as root, and gain more with each release of NixOS.
const CLASSES: &[(&str, Class)] = &[
    // Nix itself, other configurations, and what runs before or around everything else.
    ("nix", Class::WholeDevice),
    ("nixpkgs", Class::WholeDevice),
    ("specialisation", Class::WholeDevice),
    ("system", Class::WholeDevice),
    ("security.wrappers", Class::WholeDevice),
    ("security.pam", Class::WholeDevice),
    ("security.sudo", Class::WholeDevice),
    ("boot", Class::WholeDevice),
    ("systemd.tmpfiles", Class::WholeDevice),
    ("containers", Class::WholeDevice),
    ("virtualisation.vmVariant", Class::WholeDevice),
    ("home-manager", Class::WholeDevice),
    // A file there configures something of root's (sudoers, PAM, ld.so): it is a matter of its name.
    ("environment.etc", Class::WholeDevice),
    ("environment.etc.*", Class::Root),
    ("environment.etc.*.target", Class::WholeDevice),
    // Accounts. Name and uid can make a user root; groups and shell stay unlisted.
    ("users.users.root", Class::WholeDevice),
    ("thymis.config.agent", Class::WholeDevice),
    ("thymis.config.authorized-keys", Class::WholeDevice),
    ("users.users.*.name", Class::WholeDevice),
    ("users.users.*.uid", Class::WholeDevice),
    ("users.users.*.description", Class::Accounts),
    ("users.users.*.isNormalUser", Class::Accounts),
    ("users.users.*.isSystemUser", Class::Accounts),
    ("users.users.*.home", Class::Accounts),
    ("users.users.*.createHome", Class::Accounts),
    ("users.users.*.password", Class::Accounts),
    ("users.users.*.hashedPassword", Class::Accounts),
    ("users.users.*.initialPassword", Class::Accounts),
    ("users.users.*.initialHashedPassword", Class::Accounts),
    ("users.users.*.openssh.authorizedKeys.keys", Class::Accounts),
    ("users.mutableUsers", Class::Accounts),
    ("users.motd", Class::Harmless),
    ("services.openssh.enable", Class::Accounts),
    ("services.openssh.ports", Class::Accounts),
    ("services.openssh.openFirewall", Class::Accounts),
    ("services.openssh.settings.PasswordAuthentication", Class::Accounts),
    ("services.openssh.settings.PermitRootLogin", Class::Accounts),
    // Network.
    ("networking.hostName", Class::Network),
    ("networking.domain", Class::Network),
    ("networking.nameservers", Class::Network),
    ("networking.search", Class::Network),
    ("networking.timeServers", Class::Network),
    ("networking.hosts", Class::Network),
    ("networking.proxy.default", Class::Network),
    ("networking.proxy.noProxy", Class::Network),
    ("networking.enableIPv6", Class::Network),
    ("networking.useDHCP", Class::Network),
    ("networking.useNetworkd", Class::Network),
    ("networking.defaultGateway", Class::Network),
    ("networking.defaultGateway6", Class::Network),
    ("networking.interfaces.*.ipv4", Class::Network),
    ("networking.interfaces.*.ipv6", Class::Network),
    ("networking.interfaces.*.useDHCP", Class::Network),
    ("networking.interfaces.*.macAddress", Class::Network),
    ("networking.interfaces.*.mtu", Class::Network),
    ("networking.vlans.*.id", Class::Network),
    ("networking.vlans.*.interface", Class::Network),
    ("networking.bridges.*.interfaces", Class::Network),
    ("networking.firewall.enable", Class::Network),
    ("networking.firewall.allowPing", Class::Network),
    ("networking.firewall.allowedTCPPorts", Class::Network),
    ("networking.firewall.allowedUDPPorts", Class::Network),
    ("networking.firewall.allowedTCPPortRanges", Class::Network),
    ("networking.firewall.allowedUDPPortRanges", Class::Network),
    ("networking.firewall.interfaces.*.allowedTCPPorts", Class::Network),
    ("networking.firewall.interfaces.*.allowedUDPPorts", Class::Network),
    ("networking.networkmanager.enable", Class::Network),
    ("networking.wireless.enable", Class::Network),
    ("networking.wireless.networks.*.psk", Class::Network),
    ("networking.wireless.networks.*.pskRaw", Class::Network),
    ("networking.wireless.networks.*.priority", Class::Network),
    ("networking.wireless.networks.*.hidden", Class::Network),
    ("thymis.config.wifi-ssid", Class::Network),
    ("thymis.config.wifi-password", Class::Network),
    ("thymis.config.wifi-auth-protocols", Class::Network),
    ("services.timesyncd.enable", Class::Network),
    ("services.timesyncd.servers", Class::Network),
    ("services.resolved.enable", Class::Network),
    // Kernel and hardware. Kernel parameters name the first program that runs, so they stay with `boot`.
    ("boot.kernelModules", Class::Hardware),
    ("boot.blacklistedKernelModules", Class::Hardware),
    ("boot.supportedFilesystems", Class::Hardware),
    ("hardware.enableRedistributableFirmware", Class::Hardware),
    ("hardware.bluetooth.enable", Class::Hardware),
    ("hardware.bluetooth.powerOnBoot", Class::Hardware),
    ("hardware.graphics.enable", Class::Hardware),
    ("hardware.i2c.enable", Class::Hardware),
    ("powerManagement.enable", Class::Hardware),
    ("powerManagement.cpuFreqGovernor", Class::Hardware),
    ("zramSwap.enable", Class::Hardware),
    ("zramSwap.memoryPercent", Class::Hardware),
    // Nothing of the above.
    ("system.stateVersion", Class::Harmless),
    ("system.nixos.label", Class::Harmless),
    ("system.nixos.tags", Class::Harmless),
    ("time.timeZone", Class::Harmless),
    ("i18n.defaultLocale", Class::Harmless),
    ("i18n.extraLocaleSettings", Class::Harmless),
    ("i18n.supportedLocales", Class::Harmless),
    ("console.keyMap", Class::Harmless),
    ("console.font", Class::Harmless),
    ("services.xserver.xkb.layout", Class::Harmless),
    ("services.xserver.xkb.variant", Class::Harmless),
    ("documentation.enable", Class::Harmless),
    ("documentation.man.enable", Class::Harmless),
    ("documentation.nixos.enable", Class::Harmless),
    ("fonts.fontconfig.enable", Class::Harmless),
    ("fonts.fontconfig.defaultFonts", Class::Harmless),
    ("thymis.config.device-name", Class::Harmless),
    ("thymis.config.device-type", Class::Harmless),
    ("thymis.config.image-format", Class::Harmless),
];

/// An option that the table doesn't list.
const UNLISTED: Class = Class::Root;

struct Row {
    segments: Vec<&'static str>,
    class: Class,
}

impl Row {
    /// As far as both go.
    fn agrees(&self, segments: &[&str]) -> bool {
        self.segments.iter().zip(segments).all(|(&row, segment)| row == "*" || row == *segment)
    }

    /// Of two rows that match, the one decides that names a segment which the other leaves open.
    fn precision(&self) -> Vec<bool> {
        self.segments.iter().map(|&segment| segment != "*").collect()
    }
}

fn rows() -> &'static [Row] {
    static ROWS: std::sync::OnceLock<Vec<Row>> = std::sync::OnceLock::new();
    ROWS.get_or_init(|| {
        CLASSES.iter().map(|&(path, class)| Row { segments: path.split('.').collect(), class }).collect()
    })
}

/// The class of setting this very option.
#[must_use]
pub fn class_of(path: &OptionPath) -> Class {
    let own = own_class(path);
    config_aside(path).map_or(own, |aside| own.min(own_class(&aside)))
}

fn own_class(path: &OptionPath) -> Class {
    let segments: Vec<&str> = path.segments().iter().map(String::as_str).collect();
    lookup(&segments).map_or(UNLISTED, |row| row.class)
}

/// The path that may be meant too: a submodule may spell its options below an attribute `config`. `None` where there is no
/// such segment, or where the table itself names it.
#[must_use]
pub fn config_aside(path: &OptionPath) -> Option<OptionPath> {
    let segments: Vec<&str> = path.segments().iter().map(String::as_str).collect();
    let named = lookup(&segments).is_some_and(|row| row.segments.contains(&"config"));
    if named { None } else { path.without("config") }
}

/// The worst class of what this path, and any below it, may mean: with and without segments `config`.
#[must_use]
pub fn class_at_and_below(path: &OptionPath) -> Class {
    let at = |segments: &[&str]| {
        let below = rows().iter().filter(|row| row.segments.len() > segments.len() && row.agrees(segments));
        let own = lookup(segments).map_or(UNLISTED, |row| row.class);
        below.map(|row| row.class).fold(own, Class::min)
    };
    let segments: Vec<&str> = path.segments().iter().map(String::as_str).collect();
    let aside: Vec<&str> = segments.iter().filter(|segment| **segment != "config").copied().collect();
    let named = || lookup(&segments).is_some_and(|row| row.segments.contains(&"config"));
    if aside.is_empty() || aside.len() == segments.len() || named() {
        return at(&segments);
    }
    at(&segments).min(at(&aside))
}

fn lookup(segments: &[&str]) -> Option<&'static Row> {
    rows()
        .iter()
        .filter(|row| row.segments.len() <= segments.len() && row.agrees(segments))
        .max_by_key(|row| row.precision())
}

/// The worst class that a definition somewhere at or below the pattern can have, protected names aside: what is shown to
/// the person who accepts it.
#[must_use]
pub fn worst_below(pattern: &OptionPattern) -> Class {
    let own = pattern.segments();
    let could_be = |row: &str, segment: &Segment| match segment {
        Segment::Literal(name) => row == "*" || row == name,
        Segment::Prefix(prefix) => row == "*" || row.starts_with(prefix.as_str()),
        // The operator's value decides; what it turns out to be is looked up when it is known.
        Segment::Any | Segment::Setting(_) => row == "*",
    };
    let below = rows()
        .iter()
        .filter(|row| row.segments.len() > own.len())
        .filter(|row| own.iter().zip(&row.segments).all(|(segment, &row)| could_be(row, segment)))
        .map(|row| row.class)
        .min();
    let up_to = || rows().iter().filter(|row| row.segments.len() <= own.len());
    // A name that only the wildcard stands for is none of those that are listed.
    let surely = |row: &str, segment: &Segment| row == "*" || matches!(segment, Segment::Literal(name) if row == name);
    let general = up_to()
        .filter(|row| own.iter().zip(&row.segments).all(|(segment, &row)| surely(row, segment)))
        .max_by_key(|row| row.precision())
        .map_or(UNLISTED, |row| row.class);
    let listed = up_to()
        .filter(|row| own.iter().zip(&row.segments).all(|(segment, &row)| could_be(row, segment)))
        .filter(|row| own.iter().zip(&row.segments).any(|(segment, &row)| !surely(row, segment)))
        .map(|row| row.class)
        .min();
    let at = listed.map_or(general, |listed| listed.min(general));
    // A file below `environment.etc` without a literal name could be any file.
    let unnamed_file = matches!(own, [Segment::Literal(a), Segment::Literal(b), third, ..]
        if a == "environment" && b == "etc" && !matches!(third, Segment::Literal(_)));
    if unnamed_file { Class::WholeDevice } else { below.map_or(at, |below| below.min(at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Class {
        class_of(&path.parse().unwrap())
    }

    fn pattern(text: &str) -> Class {
        worst_below(&text.parse().unwrap())
    }

    #[test]
    fn what_is_not_listed_runs_code_as_root() {
        assert_eq!(of("services.something-new.enable"), Class::Root);
        assert_eq!(of("systemd.services.x.script"), Class::Root);
    }

    #[test]
    fn a_wildcard_stands_also_for_what_is_not_listed() {
        assert_eq!(pattern("thymis.config.wifi-*"), Class::Root);
        assert_eq!(pattern("thymis.config.agen*"), Class::WholeDevice);
        assert_eq!(pattern("thymis.config.wifi-ssid"), Class::Network);
        assert_eq!(of("thymis.config.agent.controller-url"), Class::WholeDevice);
        assert_eq!(pattern("thymis.config"), Class::WholeDevice);
    }

    #[test]
    fn the_most_precise_entry_decides() {
        assert_eq!(of("boot.loader.grub.device"), Class::WholeDevice);
        assert_eq!(of("boot.kernelModules"), Class::Hardware);
        // `init=` is one of them.
        assert_eq!(of("boot.kernelParams"), Class::WholeDevice);
        assert_eq!(of("networking.firewall.allowedTCPPorts"), Class::Network);
        assert_eq!(of("networking.firewall.extraCommands"), Class::Root);
        assert_eq!(of("users.users.root.password"), Class::WholeDevice);
        assert_eq!(of("users.users.alice.password"), Class::Accounts);
        assert_eq!(of("users.users.alice.extraGroups"), Class::Root);
        assert_eq!(of("networking.wireguard.interfaces.wg0.postSetup"), Class::Root);
        assert_eq!(of("environment.etc.hosts.text"), Class::Root);
    }

    #[test]
    fn a_segment_config_hides_nothing() {
        assert_eq!(of("users.users.config.root.password"), Class::WholeDevice);
        assert_eq!(of("networking.config.localCommands"), Class::Root);
    }

    #[test]
    fn a_path_is_as_bad_as_the_worst_that_it_may_mean() {
        for row in CLASSES {
            for path in [
                row.0.to_owned(),
                format!("{}.x.config.y", row.0),
                format!("x.{}", row.0),
                row.0.replace('.', ".config."),
            ] {
                let path: OptionPath = path.parse().unwrap();
                let at = |path: &OptionPath| class_of(path).min(worst_below(&OptionPattern::literal(path)));
                let expected = config_aside(&path).map_or_else(|| at(&path), |aside| at(&path).min(at(&aside)));
                assert_eq!(class_at_and_below(&path), expected, "{path}");
            }
        }
    }

    #[test]
    fn a_broad_pattern_has_the_worst_class_below_it() {
        assert_eq!(pattern("networking"), Class::Root);
        assert_eq!(pattern("networking.firewall.allowedTCPPorts"), Class::Network);
        assert_eq!(pattern("users"), Class::WholeDevice);
        assert_eq!(pattern("users.users.*"), Class::WholeDevice);
        assert_eq!(pattern("users.users.*.password"), Class::Accounts);
        assert_eq!(pattern("users.users.{settings.name}.home"), Class::Accounts);
        assert_eq!(pattern("environment.etc.*"), Class::WholeDevice);
        assert_eq!(pattern("environment.etc.\"a.conf\""), Class::WholeDevice);
        assert_eq!(pattern("environment.etc.\"a.conf\".text"), Class::Root);
        assert_eq!(pattern("system.stateVersion"), Class::Harmless);
    }
}
