# Runs on User-mode Linux, whose clock is its own, in a directory with hostctl, hostctl-launch, rootfs-busybox, clock.hcl and policy.hcl.
set -eu
fail() {
	echo "FAILED: $*"
	journalctl --no-pager -b -n 60
	exit 1
}
install -m 0755 hostctl hostctl-launch /usr/local/bin/
export PATH=/usr/local/bin:$PATH
mkdir -p /etc/hostctl /srv/rootfs /srv/clock
install -m 0644 -o root -g root policy.hcl /etc/hostctl/
cp -a rootfs-busybox /srv/rootfs/busybox
cp clock.hcl /srv/clock/main.hcl
cd /srv/clock

apply() { hostctl apply -auto-approve -var greeting="$1" > said 2>&1 || fail "apply $1: $(cat said)"; }
ids() { systemctl show -p Id,InvocationID,MainPID,NRestarts hostctl-still.service hostctl-healthy.service; }
generations() { hostctl generations -name clock | grep -c ' applied'; }
web() { systemctl show -P InvocationID hostctl-web.service; }

apply 0
hostctl hold volume.data -for 200000h -why "for two decades"
hostctl stop container.stopped -why "on purpose"
chmod 0700 /srv/data # which the hold keeps
was=$(ids)
n=1
for jump in "10 years" "-20 years" "10 years" "-10 years" "20 years" "-10 years"; do
	before=$(web)
	date -s "$jump"
	sleep 2.5 # two health checks
	[ "$(ids)" = "$was" ] || fail "restarted: $(ids)"
	[ "$(web)" = "$before" ] || fail "web was restarted"
	hostctl plan -detailed-exitcode -var greeting=$((n - 1)) > said 2>&1 || fail "a plan after the jump: $(cat said)"
	grep -q 'volume.data is held' said || fail "the hold: $(cat said)"
	grep -q 'container.stopped stays stopped' said || fail "the purpose: $(cat said)"
	apply $n
	n=$((n + 1))
	[ "$(generations)" = $n ] || fail "generations: $(hostctl generations -name clock)"
	[ "$(web)" != "$before" ] || fail "web was not restarted"
	[ "$(stat -c %a /srv/data)" = 700 ] || fail "the hold was not kept"
	! systemctl -q is-active hostctl-stopped.service || fail "what was stopped on purpose runs"
	systemctl -q is-active hostctl-web.service hostctl-healthy.service || fail "something does not run"
done
hostctl rollback -auto-approve > said 2>&1 || fail "rollback: $(cat said)"
[ "$(tr '\0' '\n' < "/proc/$(pgrep -P "$(systemctl show -P MainPID hostctl-web.service)")/environ" | grep GREETING)" = GREETING=$((n - 2)) ] || fail "went back to another generation"

# And while applies are under way.
(while :; do
	date -s "10 years"
	sleep 0.3
	date -s "-10 years"
	sleep 0.2
done > /dev/null) &
for greeting in 100 101 102 103; do apply $greeting; done
kill $!
hostctl plan -detailed-exitcode -var greeting=103 > said || fail "after that: $(cat said)"
[ "$(ids)" = "$was" ] || fail "restarted: $(ids)"
hostctl release volume.data
hostctl start container.stopped
apply 104
[ "$(stat -c %a /srv/data)" = 755 ] || fail "the hold was not ended"
hostctl destroy -auto-approve -var greeting=104 > said 2>&1 || fail "destroy: $(cat said)"
echo "all is as it was"
