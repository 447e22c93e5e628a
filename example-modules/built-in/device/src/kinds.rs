//! The choices, named as in Thymis's stored settings.

use thymis_sdk::prelude::*;

#[derive(Choice)]
pub(crate) enum ImageFormat {
    #[choice(value = "", label = "The usual one", label(de = "Das übliche"))]
    Default,
    #[choice(label = "SD card", label(de = "SD-Karte"))]
    SdCardImage,
    #[choice(label = "Installer on a USB stick", label(de = "Installation vom USB-Stick"))]
    UsbStickInstaller,
    #[choice(label = "Disk of a virtual machine (qcow2)", label(de = "Festplatte einer virtuellen Maschine (qcow2)"))]
    Qcow,
    #[choice(label = "NixOS virtual machine", label(de = "Virtuelle NixOS-Maschine"))]
    NixosVm,
}

#[derive(Choice)]
pub(crate) enum StateVersion {
    #[choice(value = "24.05", label = "24.05")]
    V24_05,
    #[choice(value = "24.11", label = "24.11")]
    V24_11,
    #[choice(value = "25.05", label = "25.05")]
    V25_05,
    #[choice(value = "25.11", label = "25.11")]
    V25_11,
    #[choice(value = "26.05", label = "26.05")]
    V26_05,
    #[choice(value = "26.11", label = "26.11")]
    V26_11,
}
