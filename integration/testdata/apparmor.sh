# Runs on User-mode Linux with AppArmor, in a directory with hostctl, hostctl-launch, rootfs-busybox and apparmor.hcl.
set -eu
fail() {
	echo "FAILED: $*"
	journalctl --no-pager -n 60
	exit 1
}
install -m 0755 hostctl hostctl-launch /usr/local/bin/
mkdir -p /etc/hostctl
install -m 0644 -o root -g root policy.hcl /etc/hostctl/
mkdir -p /srv/rootfs /srv/apparmor
cp -a rootfs-busybox /srv/rootfs/busybox
echo canary > /srv/rootfs/busybox/etc/forbidden
cp apparmor.hcl /srv/apparmor/main.hcl
cd /srv/apparmor
export PATH=/usr/local/bin:$PATH
mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
grep -q apparmor /sys/kernel/security/lsm || fail "no AppArmor: $(cat /sys/kernel/security/lsm)"

echo "== a profile that is not loaded"
hostctl plan > /tmp/out 2>&1 && fail "a profile that is not there is planned with"
grep -q 'this host has no profile "hostctl-test"' /tmp/out || fail "$(cat /tmp/out)"

cat > /tmp/profile << 'PROFILE'
profile hostctl-test flags=(attach_disconnected,mediate_deleted) {
  file,
  signal,
  unix,
  network,
  deny /etc/forbidden r,
}
PROFILE
apparmor_parser -r -K /tmp/profile

echo "== confined"
hostctl apply -auto-approve
hostctl plan -detailed-exitcode > /dev/null || fail "the plan after the apply is not empty"
for name in with without; do
	pid=$(systemctl show -P MainPID hostctl-$name.service)
	[ $name = without ] || pid=$(pgrep -P "$pid")
	label=$(cat "/proc/$pid/attr/apparmor/current" 2> /dev/null || cat "/proc/$pid/attr/current")
	[ "$label" = "hostctl-test (enforce)" ] || fail "$name runs as $label"
	hostctl exec $name cat /etc/forbidden > /tmp/out 2>&1 && fail "the profile holds nothing in what enters"
	grep -q 'Permission denied' /tmp/out || fail "$(cat /tmp/out)"
	hostctl exec $name cat /etc/passwd > /dev/null || fail "the profile forbids everything"
done
journalctl -q --no-pager -o cat -u hostctl-with.service | grep -q 'Permission denied' || fail "the payload read it"
pid=$(systemctl show -P MainPID hostctl-free.service)
[ "$(cat "/proc/$(pgrep -P "$pid")/attr/current")" = unconfined ] || fail "free runs as $(cat "/proc/$pid/attr/current")"
hostctl exec free cat /etc/forbidden | grep -qx canary || fail "one without a profile is confined"

echo "== a profile that is gone stops the start"
apparmor_parser -R /tmp/profile
systemctl restart hostctl-with.service && fail "started without its profile"
journalctl -q --no-pager -o cat -u hostctl-with.service | grep 'label\|apparmor' | tail -1
systemctl restart hostctl-without.service && fail "started without its profile"
journalctl -q --no-pager -o cat -u hostctl-without.service | grep 'attr/apparmor' | tail -1
hostctl destroy -auto-approve > /dev/null
exit 0
