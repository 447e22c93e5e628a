if [ ! -e "$DISK" ]; then
  qemu-img create -f qcow2 "$DISK" "$SIZE"
fi
