# Runs on User-mode Linux, in a directory with hostctl, hostctl-launch, rootfs-busybox, limits.hcl and hogs.hcl.
set -eu
fail() {
	echo "FAILED: $*"
	journalctl --no-pager -n 40
	exit 1
}
install -m 0755 hostctl hostctl-launch /usr/local/bin/
mkdir -p /etc/hostctl
install -m 0644 -o root -g root policy.hcl /etc/hostctl/
mkdir -p /srv/rootfs /srv/limits
cp -a rootfs-busybox /srv/rootfs/busybox
cp limits.hcl /srv/limits/main.hcl
cp hogs.hcl /srv/hogs.hcl
cd /srv/limits
export PATH=/usr/local/bin:$PATH
uname -r | grep '^6\.1\.' || fail "this is to be a kernel 6.1, whose ways differ"

hostctl apply -auto-approve
hostctl plan -detailed-exitcode > /dev/null || fail "the plan after the apply is not empty"
cgroup() { echo "/sys/fs/cgroup$(systemctl show -P ControlGroup "hostctl-$1.service")"; }

echo "== the kernel has the figures"
[ "$(cat "$(cgroup hog)/memory.max")" = $((32 << 20)) ] || fail "memory.max"
[ "$(cat "$(cgroup hog)/memory.swap.max")" = 0 ] || fail "memory.swap.max"
[ "$(cat "$(cgroup bomb)/pids.max")" = 24 ] || fail "pids.max"
[ "$(cut -d' ' -f1 "$(cgroup busy)/cpu.max")" = $(($(cut -d' ' -f2 "$(cgroup busy)/cpu.max") / 5)) ] || fail "cpu.max"

[ "$(cat "$(cgroup busy)/memory.high")" = $((24 << 20)) ] || fail "memory.high"
[ "$(cat "$(cgroup busy)/memory.swap.max")" = $((8 << 20)) ] || fail "memory.swap.max of busy"
[ "$(cat "$(cgroup busy)/cpu.weight")" = 50 ] || fail "cpu.weight"
sed -i 's/cpu_weight  = 50/cpu_weight  = 50\ncpus = "0"/' main.hcl # this kernel has no cpusets
hostctl plan 2>&1 | grep -q 'no cgroup controller "cpuset"' || fail "a limit that nothing holds"
sed -i '/^cpus/d' main.hcl
pid=$(systemctl show -P MainPID hostctl-busy.service)
sed -i 's/cpu_weight  = 50/cpu_weight  = 70/; /memory_high/d' main.hcl
hostctl apply -auto-approve
[ "$(cat "$(cgroup busy)/cpu.weight")" = 70 ] || fail "cpu.weight after the change"
[ "$(cat "$(cgroup busy)/memory.high")" = max ] || fail "memory.high that is no longer declared"
[ "$(systemctl show -P MainPID hostctl-busy.service)" = "$pid" ] || fail "busy was restarted"
systemctl set-property --runtime hostctl-busy.service CPUWeight=10
hostctl plan -detailed-exitcode > /dev/null && fail "a weight changed by hand is no drift" || [ $? = 2 ] || fail "plan"
hostctl apply -auto-approve
[ "$(cat "$(cgroup busy)/cpu.weight")" = 70 ] || fail "cpu.weight after the repair"

echo "== the fork bomb stops at its limit, its host does not"
until grep -q '^max [1-9]' "$(cgroup bomb)/pids.events"; do sleep 0.1; done
[ "$(cat "$(cgroup bomb)/pids.current")" -le 24 ] || fail "pids.current"
timeout 10 systemctl is-active hostctl-bomb.service || fail "the host does not answer"

echo "== what the kernel lacks is said, and what it is told it has"
hostctl plan 2>&1 | grep -q "Warning: This kernel has no Landlock that containers can use" || fail "nobody says that there is no Landlock"
hostctl audit -json busy | grep -q '"no Landlock"' || fail "audit does not say that there is no Landlock"
[ "$(cat "/proc/$(systemctl show -P MainPID hostctl-busy.service)/oom_score_adj")" = -500 ] || fail "oom_score_adj"
hostctl exec busy cat /proc/self/oom_score_adj | grep -qx -- -500 || fail "oom_score_adj of who enters"
hostctl audit busy | grep -q 'spared by 500 when memory is short' || fail "audit passes over oom_score_adjust"

echo "== the processor is shared out"
a=$(awk '/^usage_usec/ {print $2}' "$(cgroup busy)/cpu.stat") ta=$(date +%s%N)
sleep 2
b=$(awk '/^usage_usec/ {print $2}' "$(cgroup busy)/cpu.stat") tb=$(date +%s%N)
share=$(((b - a) * 100000 / (tb - ta)))
[ $share -le 30 ] || fail "busy takes $share % of a processor"

echo "== the memory hog is killed, alone and as a whole"
[ "$(cat "$(cgroup hog)/memory.oom.group")" = 1 ] || echo "memory.oom.group is not set; systemd's OOMPolicy does it"
systemctl kill --kill-who=main --signal=USR1 hostctl-hog.service # to all: the hog itself might die of it
for i in $(seq 1200); do # a slow machine takes its time to fill 32 MiB
	[ "$(systemctl show -P ActiveState hostctl-hog.service)" = failed ] && break
	sleep 0.1
done
[ "$(systemctl show -P Result hostctl-hog.service)" = oom-kill ] || fail "result $(systemctl show -P Result hostctl-hog.service)"
systemctl is-active hostctl-busy.service hostctl-bomb.service || fail "a bystander died"
hostctl plan -detailed-exitcode > /dev/null && fail "the dead container is no drift" || [ $? = 2 ] || fail "plan"
hostctl apply -auto-approve

echo "== changed in place"
pid=$(systemctl show -P MainPID hostctl-hog.service)
sed -i 's/"32M"/"48M"/' main.hcl
hostctl apply -auto-approve
[ "$(cat "$(cgroup hog)/memory.max")" = $((48 << 20)) ] || fail "memory.max after the change"
[ "$(systemctl show -P MainPID hostctl-hog.service)" = "$pid" ] || fail "the process was restarted"
systemctl set-property --runtime hostctl-hog.service MemoryMax=16M
hostctl plan -detailed-exitcode > /dev/null && fail "a limit changed by hand is no drift" || [ $? = 2 ] || fail "plan"
hostctl apply -auto-approve
[ "$(cat "$(cgroup hog)/memory.max")" = $((48 << 20)) ] || fail "memory.max after the repair"
systemctl set-property hostctl-hog.service TasksMax=7
hostctl plan -detailed-exitcode > /dev/null && fail "a limit changed for good is no drift" || [ $? = 2 ] || fail "plan"
hostctl apply -auto-approve
[ "$(cat "$(cgroup hog)/pids.max")" = 64 ] || fail "pids.max after the repair"
hostctl plan -detailed-exitcode > /dev/null || fail "the plan after the repairs is not empty"

echo "== nothing is left"
hostctl destroy -auto-approve
find /sys/fs/cgroup -name 'hostctl-*' | grep . && fail "cgroups are left"

echo "== what fills and what does not end"
mkdir /srv/hogs
mv /srv/hogs.hcl /srv/hogs/main.hcl
cd /srv/hogs
hostctl apply -auto-approve
hostctl plan -detailed-exitcode > /dev/null || fail "the plan after the apply is not empty"
cat "/proc/$(systemctl show -P MainPID hostctl-ephemeral.service)/root/etc/new" | grep -qx written || fail "an ephemeral root"
test -e /srv/rootfs/busybox/etc/new && fail "the ephemeral root is the rootfs"
systemctl restart hostctl-persistent.service
until [ "$(wc -l < /var/lib/hostctl/roots/persistent/upper/etc/starts)" = 2 ]; do sleep 0.2; done
until journalctl -q --no-pager -o cat -u hostctl-system.service | grep -qx booted; do sleep 0.2; systemctl is-active -q hostctl-system.service || fail "the whole system"; done
systemctl show -P SubState hostctl-once.service | grep -qx exited || fail "the job"
inodes=$(df -i / | awk 'NR==2 {print $4}') space=$(df -k / | awk 'NR==2 {print $4}')
for i in $(seq 200); do hostctl exec filler test -e /run/done && break; sleep 0.2; done
hostctl exec filler test -e /run/done || fail "the filler does not come to its end"
[ "$(df -i / | awk 'NR==2 {print $4}')" -gt $((inodes - 1000)) ] || fail "the host's inodes"
[ "$(df -k / | awk 'NR==2 {print $4}')" -gt $((space - 200000)) ] || fail "the host's disk"
: > /tmp/x && rm /tmp/x && timeout 10 true || fail "the host's descriptors"
systemctl is-active -q hostctl-filler.service hostctl-stubborn.service || fail "a hog was ended"
stubborn=$(cgroup stubborn)
[ "$(wc -l < "$stubborn/cgroup.procs")" -ge 10 ] || fail "the stubborn one is no good: $(cat "$stubborn/cgroup.procs")"
begin=$(date +%s%N)
systemctl stop hostctl-stubborn.service
took=$((($(date +%s%N) - begin) / 1000000))
echo "a container that ignores its end is stopped in $took ms, with a timeout of 2000"
[ $took -le 4000 ] || fail "it took $took ms to stop it"
test -e "$stubborn" && fail "its cgroup is left"
pgrep -f 'sleep 1000000' > /tmp/left || :
for p in $(cat /tmp/left); do grep -q stubborn "/proc/$p/cgroup" && fail "a process is left"; done
systemctl stop hostctl-system.service
systemctl show -P Result hostctl-system.service | grep -qx success || fail "the whole system did not end well"
hostctl destroy -auto-approve
find /sys/fs/cgroup -name 'hostctl-*' | grep . && fail "cgroups are left"
cd /srv/limits

echo "== a throwaway host on a machine with systemd has its limits too, and leaves nothing"
before=$(find /sys/fs/cgroup -type d | sort)
hostctl try /srv/limits -- sh -c 'grep -qx $((48 << 20)) /sys/fs/cgroup/hostctl.slice/hostctl-hog.service/memory.max' || fail "hostctl try"
[ "$(find /sys/fs/cgroup -type d | sort)" = "$before" ] || fail "cgroups of the throwaway host are left"
systemctl list-units --all --no-legend 'hostctl-try-*' | grep . && fail "its scope is left"
findmnt -rn | grep hostctl-try && fail "its mounts are left"
exit 0
