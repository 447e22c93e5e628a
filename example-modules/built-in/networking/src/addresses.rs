//! Interfaces with fixed addresses, and the default gateway.

use thymis_sdk::prelude::*;

/// An interface with fixed addresses.
#[derive(Settings)]
pub(crate) struct StaticNetwork {
    /// The interface.
    #[setting(label(de = "Schnittstelle"), description(de = "Die Netzwerkschnittstelle."), example = "eth0")]
    interface: Option<String>,
    /// Its IPv4 address.
    #[setting(
        key = "ipv4address",
        label = "IPv4 address",
        label(de = "IPv4-Adresse"),
        description(de = "Ihre IPv4-Adresse."),
        example = "192.168.1.10"
    )]
    ipv4_address: Option<String>,
    /// How many bits of the IPv4 address name the network.
    #[setting(
        key = "ipv4prefixLength",
        label = "IPv4 prefix",
        label(de = "IPv4-Präfix"),
        description(de = "Wie viele Bits der IPv4-Adresse das Netz bezeichnen."),
        max = 32,
        example = 24
    )]
    ipv4_prefix: Option<u8>,
    /// Its IPv6 address.
    #[setting(
        key = "ipv6address",
        label = "IPv6 address",
        label(de = "IPv6-Adresse"),
        description(de = "Ihre IPv6-Adresse."),
        example = "fd00::10"
    )]
    ipv6_address: Option<String>,
    /// How many bits of the IPv6 address name the network.
    #[setting(
        key = "ipv6prefixLength",
        label = "IPv6 prefix",
        label(de = "IPv6-Präfix"),
        description(de = "Wie viele Bits der IPv6-Adresse das Netz bezeichnen."),
        max = 128,
        example = 64
    )]
    ipv6_prefix: Option<u8>,
    /// The router's IPv4 address, used where this is the default gateway.
    #[setting(
        label = "IPv4 gateway",
        label(de = "IPv4-Gateway"),
        description(de = "Die IPv4-Adresse des Routers, falls dies das Standard-Gateway ist."),
        example = "192.168.1.1"
    )]
    gateway: Option<String>,
    /// The router's IPv6 address, used where this is the default gateway.
    #[setting(
        label = "IPv6 gateway",
        label(de = "IPv6-Gateway"),
        description(de = "Die IPv6-Adresse des Routers, falls dies das Standard-Gateway ist."),
        example = "fd00::1"
    )]
    gateway6: Option<String>,
    /// Sends everything for other networks to this gateway. The first entry that says so counts.
    #[setting(
        key = "isDefaultGateway",
        label = "Default gateway",
        label(de = "Standard-Gateway"),
        description(
            de = "Schickt alles, was für andere Netze bestimmt ist, an dieses Gateway. Es zählt der erste Eintrag, der das sagt."
        ),
        default = false
    )]
    is_default_gateway: bool,
}

/// What one interface is set to.
#[derive(Default)]
struct Addresses {
    ipv4: Vec<Expr>,
    ipv6: Vec<Expr>,
}

/// One override for each interface, so that a configuration replaces what a tag says about it, whole.
pub(crate) fn configure(networks: &[StaticNetwork], config: &mut Config, problems: &mut Problems) {
    let mut interfaces: Vec<(&str, Addresses)> = Vec::new();
    for (index, network) in networks.iter().enumerate() {
        let Some(name) = filled(&network.interface) else {
            if filled(&network.ipv4_address).is_some() || filled(&network.ipv6_address).is_some() {
                problems.push(at(index, "interface", "is missing", "fehlt"));
            }
            continue;
        };
        let more = Addresses {
            ipv4: address(&network.ipv4_address, network.ipv4_prefix, (index, "ipv4prefixLength"), problems),
            ipv6: address(&network.ipv6_address, network.ipv6_prefix, (index, "ipv6prefixLength"), problems),
        };
        match interfaces.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => {
                present.ipv4.extend(more.ipv4);
                present.ipv6.extend(more.ipv6);
            }
            None => interfaces.push((name, more)),
        }
    }
    for (name, addresses) in interfaces {
        let families = [("ipv4", addresses.ipv4), ("ipv6", addresses.ipv6)];
        let set = families.into_iter().filter(|(_, list)| !list.is_empty());
        let set = set.map(|(family, list)| (family, attrs! { "addresses" => list }));
        config.override_(path!["networking", "interfaces", name], Expr::attrs(set));
    }
    default_gateway(networks, config);
}

fn address(
    address: &Option<String>,
    prefix: Option<u8>,
    (index, key): (usize, &str),
    problems: &mut Problems,
) -> Vec<Expr> {
    match (filled(address), prefix) {
        (None, _) => Vec::new(),
        (Some(address), Some(prefix)) => vec![attrs! { "address" => address, "prefixLength" => prefix }],
        (Some(_), None) => {
            let message = "is missing: an address needs the length of its prefix, such as 24 for IPv4 or 64 for IPv6";
            let german = "fehlt: zu einer Adresse gehört die Länge ihres Präfixes, etwa 24 bei IPv4 oder 64 bei IPv6";
            problems.push(at(index, key, message, german));
            Vec::new()
        }
    }
}

fn default_gateway(networks: &[StaticNetwork], config: &mut Config) {
    let Some(network) = networks.iter().find(|network| network.is_default_gateway) else { return };
    let Some(interface) = filled(&network.interface) else { return };
    let families = [
        ("networking.defaultGateway", &network.ipv4_address, &network.gateway),
        ("networking.defaultGateway6", &network.ipv6_address, &network.gateway6),
    ];
    // A gateway is reached from an address of its own family.
    for (option, address, gateway) in families {
        if let Some(gateway) = filled(gateway).filter(|_| filled(address).is_some()) {
            config.override_(option, attrs! { "address" => gateway, "interface" => interface });
        }
    }
}

fn filled(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn at(index: usize, key: &str, english: &str, german: &str) -> Problem {
    Problem::at(format!("/static_networks/{index}/{key}"), Localized::from(english).and("de", german))
}
