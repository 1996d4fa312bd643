# Runs on User-mode Linux at each boot, in a directory with hostctl, hostctl-launch, rootfs-busybox, power.hcl and policy.hcl. The outer
# machine names the boot in the file "boot", and cuts the power at some time after this script has made the file "ready";
# at the last boot, 0, it does not.
set -eu
boot=$(cat boot)
outer=$PWD
fail() {
	echo "FAILED at boot $boot: $*"
	systemctl --no-pager --failed
	journalctl --no-pager -b -n 60
	exit 1
}
export PATH=/usr/local/bin:$PATH
all="hostctl-front.service hostctl-back.service hostctl-batch-a.service hostctl-batch-b.service"
ids() { # of accounts and containers, which files on volumes carry
	id -u power
	for unit in $all; do awk '$1 == 0 {print $2}' "/proc/$(systemctl show -P MainPID $unit)/uid_map"; done
}

if [ ! -e /srv/power ]; then
	install -m 0755 hostctl hostctl-launch /usr/local/bin/
	mkdir -p /etc/hostctl /srv/rootfs /srv/power
	install -m 0644 -o root -g root policy.hcl /etc/hostctl/
	cp -a rootfs-busybox /srv/rootfs/busybox
	cp power.hcl /srv/power/main.hcl
	hostctl install
	hostctl apply -auto-approve -chdir=/srv/power -settle=0s -var greeting=first
	echo precious > /srv/data/file
	ids > /srv/ids
	sync
else
	systemctl is-enabled --quiet hostctl.service || fail "hostctl.service is not enabled"
	until systemctl is-active --quiet hostctl.service; do
		! systemctl is-failed --quiet hostctl.service || fail "the replay failed"
		sleep 0.1
	done
	systemctl is-active $all > /dev/null || fail "a container is not back"
	[ "$(cat /srv/data/file)" = precious ] || fail "the data"
	ids | cmp -s - /srv/ids || fail "ids: $(ids | diff - /srv/ids)"
	ip -n lan -o addr | grep -q 10.99.0.10 || fail "the network namespace"
	hostctl generations -name power | tail -n 2
	hostctl apply -auto-approve -chdir=/srv/power -settle=0s -var greeting=again > /dev/null || fail "apply"
	hostctl plan -detailed-exitcode -chdir=/srv/power -var greeting=again > /dev/null || fail "the plan after the apply is not empty"
	ids | cmp -s - /srv/ids || fail "ids after the apply"
fi
echo "boot $boot: all is there"
[ "$boot" != 0 ] || exit 0
cd /srv/power
generations() { ls /var/lib/hostctl/generations/power | wc -l; }
before=$(generations)
(
	n=0
	while :; do # every apply restarts, and makes or removes what is made of n
		n=$((n + 1))
		hostctl apply -auto-approve -settle=0s -var greeting=$n -var more=$((n % 2)) > /dev/null || touch failed
	done
) &
until [ "$(generations)" -gt "$before" ]; do sleep 0.01; done
touch "$outer/ready"
while [ ! -e failed ]; do sleep 0.1; done
fail "an apply"
