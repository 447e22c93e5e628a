//! What wpa_supplicant calls `key_mgmt`.

use thymis_sdk::prelude::*;

/// A way of logging in to a Wi-Fi network.
#[derive(Settings)]
pub(crate) struct AcceptedProtocol {
    /// The protocol, as wpa_supplicant calls it.
    #[setting(
        label(de = "Protokoll"),
        description(de = "Das Protokoll, wie wpa_supplicant es nennt."),
        example = Protocol::WpaPsk
    )]
    pub(crate) protocol: Option<Protocol>,
}

#[derive(Choice)]
pub(crate) enum Protocol {
    #[choice(value = "WPA-PSK", label = "WPA-PSK", label(de = "WPA-PSK"))]
    WpaPsk,
    #[choice(value = "WPA-EAP", label = "WPA-EAP", label(de = "WPA-EAP"))]
    WpaEap,
    #[choice(value = "IEEE8021X", label = "IEEE8021X", label(de = "IEEE8021X"))]
    Ieee8021x,
    #[choice(value = "NONE", label = "NONE", label(de = "NONE"))]
    None,
    #[choice(value = "WPA-NONE", label = "WPA-NONE", label(de = "WPA-NONE"))]
    WpaNone,
    #[choice(value = "FT-PSK", label = "FT-PSK", label(de = "FT-PSK"))]
    FtPsk,
    #[choice(value = "FT-EAP", label = "FT-EAP", label(de = "FT-EAP"))]
    FtEap,
    #[choice(value = "FT-EAP-SHA384", label = "FT-EAP-SHA384", label(de = "FT-EAP-SHA384"))]
    FtEapSha384,
    #[choice(value = "WPA-PSK-SHA256", label = "WPA-PSK-SHA256", label(de = "WPA-PSK-SHA256"))]
    WpaPskSha256,
    #[choice(value = "WPA-EAP-SHA256", label = "WPA-EAP-SHA256", label(de = "WPA-EAP-SHA256"))]
    WpaEapSha256,
    #[choice(value = "SAE", label = "SAE", label(de = "SAE"))]
    Sae,
    #[choice(value = "FT-SAE", label = "FT-SAE", label(de = "FT-SAE"))]
    FtSae,
    #[choice(value = "WPA-EAP-SUITE-B", label = "WPA-EAP-SUITE-B", label(de = "WPA-EAP-SUITE-B"))]
    WpaEapSuiteB,
    #[choice(value = "WPA-EAP-SUITE-B-192", label = "WPA-EAP-SUITE-B-192", label(de = "WPA-EAP-SUITE-B-192"))]
    WpaEapSuiteB192,
    #[choice(value = "OSEN", label = "OSEN", label(de = "OSEN"))]
    Osen,
    #[choice(value = "FILS-SHA256", label = "FILS-SHA256", label(de = "FILS-SHA256"))]
    FilsSha256,
    #[choice(value = "FILS-SHA384", label = "FILS-SHA384", label(de = "FILS-SHA384"))]
    FilsSha384,
    #[choice(value = "FT-FILS-SHA256", label = "FT-FILS-SHA256", label(de = "FT-FILS-SHA256"))]
    FtFilsSha256,
    #[choice(value = "FT-FILS-SHA384", label = "FT-FILS-SHA384", label(de = "FT-FILS-SHA384"))]
    FtFilsSha384,
    #[choice(value = "OWE", label = "OWE", label(de = "OWE"))]
    Owe,
    #[choice(value = "DPP", label = "DPP", label(de = "DPP"))]
    Dpp,
}
