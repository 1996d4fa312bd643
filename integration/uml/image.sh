#!/bin/bash
# Builds the image for User-mode Linux: image.sh FILE. Needs root, mmdebstrap, mke2fs, user-mode-linux.
set -euo pipefail
export LC_ALL=C
file=$1
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
work=$(mktemp -d -p "$(dirname "$file")")
trap 'rm -rf "$work"' EXIT
root=$work/root

mmdebstrap --quiet --variant=minbase \
	--include=systemd,systemd-sysv,dbus,iproute2,util-linux,procps,kmod,nftables,apparmor "$suite" "$root"

mkdir -p "$root/usr/lib/modules"
cp -a /usr/lib/uml/modules/. "$root/usr/lib/modules/"
for version in "$root"/usr/lib/modules/*; do
	depmod -b "$root" "$(basename "$version")"
done

# Nothing starts by itself but what sysinit.target needs; the kernel's command line names the one service.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/usr/lib/systemd/system/timers.target.wants
: > "$root/etc/fstab"
echo uml > "$root/etc/hostname"
cat > "$root/etc/systemd/system/uml.service" <<'UNIT'
[Unit]
Description=Runs the outer machine's script
DefaultDependencies=no
Requires=basic.target
After=basic.target dbus.socket
Wants=dbus.socket

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/uml-script
ExecStopPost=/usr/bin/systemctl --no-block poweroff -ff
UNIT
cat > "$root/usr/local/sbin/uml-script" <<'SCRIPT'
#!/bin/bash
dir=$(sed 's/.*uml\.dir=\([^ ]*\).*/\1/' /proc/cmdline)
mkdir -p /mnt/outer && mount -t hostfs -o "$dir" none /mnt/outer && cd /mnt/outer || exit
/bin/bash ./script > log 2>&1
echo $? > status.new
sync
mv status.new status
SCRIPT
chmod 0755 "$root/usr/local/sbin/uml-script"

mke2fs -q -t ext4 -d "$root" "$work/image" 2G
mv "$work/image" "$file"
