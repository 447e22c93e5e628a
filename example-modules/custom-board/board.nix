# What a NixOS needs to know of the Acme Board 2: a computer of the size of a hand, AArch64, started by U-Boot.
{ lib, pkgs, ... }:
{
  nixpkgs.hostPlatform = "aarch64-linux";

  boot = {
    # U-Boot reads /boot/extlinux/extlinux.conf.
    loader.grub.enable = false;
    loader.generic-extlinux-compatible.enable = true;

    # The first console is for kernel messages, the last for people.
    kernelParams = [ "console=tty0" "console=ttyS2,1500000n8" ];
    # Where the system is: an SD card, or a disk at USB.
    initrd.availableKernelModules = [ "dw_mmc_rockchip" "sdhci_of_dwcmshc" "usb_storage" ];
    kernelModules = [ "leds-gpio" "ledtrig-heartbeat" ];
  };

  # The part of the device tree that describes this board.
  hardware.deviceTree.name = lib.mkDefault "acme/board-2.dtb";
  hardware.enableRedistributableFirmware = lib.mkDefault true;

  environment.systemPackages = [ pkgs.libgpiod ];
}
