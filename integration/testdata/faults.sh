# One fault, and what must hold after it.
#
#   faults.sh setup                       makes the foreign objects, and notes how the host looks in each state
#   faults.sh count TARGET CALLS          prints for each call how often one thread makes it, undisturbed
#   faults.sh fault TARGET CALLS WHAT     prints "met" where the fault came about, and "broken: " with each thing that does not hold
#   faults.sh final                       prints what is left of all faults, in the same way
#
# A state is what is applied of main.hcl: "a", "b", or "none". A target is what the fault is done to: it leads from one state to another.
set -u
here=/run/faults # what is remembered between runs
launch=/usr/local/bin/hostctl-launch
cd /work

hostctl() { timeout -s KILL 120 hostctl "$@"; }
# reach brings the host from any state to one.
reach() {
	case $1 in
	none) hostctl destroy -auto-approve -var to=b ;;
	*) hostctl apply -auto-approve -settle=0s -var to="$1" ;;
	esac
}
# The targets: the state before, the state after, what gives there something to do, the command, and the one that finishes.
target() {
	before=a after=b prepare= finish="reach b"
	case $1 in
	apply-b) run="hostctl apply -auto-approve -settle=0s -var to=b" ;;
	apply-a) before=b after=a run="hostctl apply -auto-approve -settle=0s -var to=a" finish="reach a" ;;
	create) before=none prepare="rm -rf /srv/faults" run="hostctl apply -auto-approve -settle=0s -var to=b" ;;
	destroy) before=b after=none run="hostctl destroy -auto-approve -var to=b" finish="reach none" ;;
	rollback) prepare="reach b; reach a" run="hostctl rollback -auto-approve -settle=0s" ;;
	replay) before=b run="hostctl replay" finish="hostctl replay"
		prepare="systemctl stop hostctl-web hostctl-more-b; ip netns delete more-b; ip link delete $(cat $here/more)" ;;
	launcher) before=b run="systemctl restart hostctl-web" prepare="wrap" ;;
	esac
}

# wrap has systemd start the launcher under strace. With -D the tracer is beside it, so that it is systemd's own child as ever.
wrap() {
	cp $launch $here/launch
	printf '#!/bin/sh\nexec strace -D %s %s/launch "$@"\n' "$strace" $here > $here/wrapper
	chmod 0755 $here/wrapper
	mount --bind $here/wrapper $launch
}

# traced runs the target's command under strace, with more of strace's options.
traced() {
	strace="-f -qq -o $here/trace $*"
	eval "$prepare" > $here/prepared 2>&1 || { cat $here/prepared; exit 1; }
	rm -f $here/trace
	journalctl --sync; journalctl -q --cursor-file=$here/cursor > /dev/null
	if [ "$prepare" = wrap ]; then
		timeout -s KILL 120 $run
	else
		timeout -s KILL 120 strace $strace $run
	fi > $here/out 2>&1 < /dev/null
	status=$?
	[ "$prepare" != wrap ] || umount -l $launch
}

# foreign is all that is not hostctl's, or not to be touched.
foreign() {
	grep -v -e '^web:' -e '^more-b:' /etc/passwd /etc/shadow /etc/group /etc/gshadow
	grep '^alien' /etc/subuid /etc/subgid
	stat -c '%n %i %u:%g %a %Y' /srv/alien /srv/alien/* /run/systemd/system/hostctl-alien.service
	ip -o link show dev alien0; ip -o addr show dev alien0; ip -n alien -o addr; stat -L -c %i /run/netns/alien
	systemctl show -p InvocationID,MainPID,NRestarts hostctl-alien.service
	findmnt -rn -o TARGET,SOURCE,OPTIONS | grep -v '^/run/netns'
}
still() { systemctl show -p InvocationID,MainPID,NRestarts hostctl-still.service; }

# tidy is what hostctl has on the host, by name: in one state it is always the same. What a write that was cut off left, locks of who is gone,
# specs and records of runs that are over go with the next change of their kind: those are in swept.
tidy() {
	find /run/hostctl /var/lib/hostctl /etc -not -path '*/generations/*' -not -path '/run/hostctl/running/*' -not -path '/run/hostctl/specs/*' \
		-not -name 'ledger.json.new' -not -path '/run/hostctl/*.new-*' -not -path '/etc/*.lock' -not -path '/etc/.*.hostctl' | sort
	ls /run/netns
	ip -o link | cut -d: -f2 | cut -d@ -f1 | sort
	systemctl list-units --all --plain --no-legend 'hostctl*' | awk '{print $1, $3, $4}' | sort
	find /sys/fs/cgroup/hostctl.slice -type d 2> /dev/null | sort
	getent passwd web more-b
}

# swept goes once through all states, after which nothing is left of any fault.
swept() {
	for state in a b a none; do reach $state > $here/out 2>&1 || cat $here/out; done
	ls -A /etc
	find /run/hostctl /var/lib/hostctl -not -path '*/generations/faults/[0-9]*.json' | sort
}

setup() {
	mkdir -p $here /srv/alien/mnt
	useradd -M -u 2999 alien
	echo mine > /srv/alien/file
	mount -t tmpfs alien /srv/alien/mnt
	ip link add alien0 type bridge && ip link set alien0 addrgenmode none && ip addr add 10.79.0.1/24 dev alien0 && ip link set alien0 up
	ip netns add alien
	printf '[Service]\nExecStart=/bin/sleep infinity\n' > /run/systemd/system/hostctl-alien.service
	systemctl daemon-reload && systemctl start hostctl-alien.service
	for state in a b a none b a b none; do
		reach $state > $here/out 2>&1 || { cat $here/out; exit 1; }
		tidy > $here/tidy.$state
		[ $state != b ] || ip -o link | grep -o 'hc-more[^:@]*' > $here/more
	done
	swept > $here/swept
	foreign > $here/foreign
	echo none > $here/state
	: > $here/told
}

broken() { echo "broken: $*"; }
# same compares what there is with what there was. A difference is said once.
same() {
	[ -s "$2" ] || broken "$1: nothing to compare with"
	difference=$(diff "$2" "$3" | grep -e '^[<>]' | grep -vxFf $here/told) || return 0
	broken "$1: $difference"
	printf '%s\n' "$difference" >> $here/told
}

# unsecured names processes of containers that are not what every payload is.
unsecured() {
	for p in $(cat $(find /sys/fs/cgroup/hostctl.slice -name cgroup.procs)); do
		line=$(tr '\0' ' ' < /proc/$p/cmdline)
		case $line in
		strace*) continue ;; # the tracer of the launcher
		*hostctl-launch* | $here/launch*) echo "I1: a process of the launcher is left: $p $line"; continue ;;
		esac
		awk -v p="$p $line" '
			$1 == "State:" && $2 == "Z" {exit}
			$1 == "Uid:" && $2 == 0 || $1 == "CapEff:" && $2 !~ /^0+$/ || $1 == "NoNewPrivs:" && $2 != 1 || $1 == "Seccomp:" && $2 != 2 {print "I1: " p ": " $0}' /proc/$p/status
		for ns in user mnt pid; do
			[ "$(readlink /proc/$p/ns/$ns)" != "$(readlink /proc/1/ns/$ns)" ] || echo "I1: $p $line: the host's $ns namespace"
		done
	done 2> /dev/null
}

# held checks what is to hold at once, before anything is mended.
held() {
	timeout 60 bash -c 'while systemctl list-jobs --no-legend | grep -q .; do sleep 0.02; done' || broken "I7: a job of systemd's does not end: $(systemctl list-jobs)"
	foreign > $here/now
	same "I3: foreign objects" $here/foreign $here/now
	[ -e $here/still ] && still > $here/now && same "I4: an untouched container" $here/still $here/now
	unsecured | while read -r line; do broken "$line"; done
	pid=$(systemctl show -P MainPID hostctl-web.service)
	if [ "$pid" != 0 ]; then
		grep -qxz -e TO=a -e TO=b /proc/"$(pgrep -P $pid)"/environ || broken "I1: container.web has neither the old environment nor the new"
	fi
	awk -F: '($1 == "web" || $1 == "more-b") && $2 !~ /^[!*]/ {print "broken: I1: an account that can log in: " $0}' /etc/shadow
	if [ -e /srv/faults/site ]; then
		case $(stat -c '%u %a' /srv/faults/site) in
		"2000 750" | "2000 700" | "0 700") ;;
		*) broken "I1: volume.site: $(stat -c '%u %a' /srv/faults/site)" ;;
		esac
	fi
	ledger=/var/lib/hostctl/ledger.json
	[ ! -e $ledger ] || [ "$(head -n 1 $ledger)" = "$(tail -n +2 $ledger | sha256sum | cut -d' ' -f1)" ] || broken "I5: the ledger is damaged"
	[ ! -e /run/hostctl/lock ] || flock -n /run/hostctl/lock true || broken "I5: the lock is held"
}

# clean checks that there is nothing left to do.
clean() {
	[ $after != none ] || return 0
	plan=$(hostctl plan -detailed-exitcode -var to=$after 2>&1) || broken "$1: $plan"
}

# forking says that the call that failed was one of Go's syscall.forkExec: the read of the pipe (a number of 8 bytes) on which a child says that its
# exec failed. Where the read itself fails the child is taken for failed, and its end waited for without a clock. That of a child which
# was started all the same, and reads from the one who waits, never comes. On a kernel no read of that pipe can fail but with EINTR.
forking() {
	awk '$2 == "---" {next} / read\(.*, 8\) += -1 .*INJECTED/ {failed[$1]; next}
		$1 in failed {if ($2 ~ /^wait4/) found = 1; delete failed[$1]} END {exit !found}' $here/trace
}

fault() {
	target "$1"
	state=$(cat $here/state)
	[ "$state" = $before ] || reach $before > $here/out 2>&1 || { broken "I2: on the way to $before: $(cat $here/out)"; exit; }
	rm -f $here/still $here/state
	[ $before = none ] || [ $after = none ] || still > $here/still
	traced -e trace="$2,wait4" -e inject="$2:$3"
	case $3 in
	signal=*) [ $status = 0 ] || echo met ;; # it, or a child that it needs
	*) ! grep -q INJECTED $here/trace || echo met ;;
	esac
	held
	case $3 in
	error=*) # what is said is true
		[ $status != 137 ] || forking || broken "I7: it does not end"
		if grep -q 'runtime: netpollBreak write failed' $here/out; then
			: # an eventfd of Go's own, which cannot fail so
		elif [ $status = 0 ]; then
			clean "I8: the exit code is 0, and something was not done"
		elif [ $status != 137 ] && [ "$prepare" != wrap ] && ! grep -q -e ' write(2,.*INJECTED' -e 'write resumed.*INJECTED' $here/trace; then
			grep -q -e Error -e 'Rolled back' $here/out || broken "I8: exit status $status, and no error is said"
		fi
		! grep -q '^panic' $here/out || broken "I8: it panicked"
		[ $status != 6 ] || drift=$(hostctl drift 2>&1) || broken "I8: rolled back, and not as last applied: $drift"
		journalctl --sync
		[ $status != 0 ] || [ "$prepare" = wrap ] || [ "$(journalctl -q -o cat --cursor-file=$here/cursor -u hostctl-web.service | grep -c ^Started)" -lt 2 ] || broken "I8: container.web was started twice" ;;
	esac
	cp $here/out $here/said
	if [ "$prepare" = wrap ]; then
		systemctl reset-failed hostctl-web.service
		systemctl restart hostctl-web.service || broken "I2: the unit cannot be started again"
	fi
	$finish > $here/out 2>&1 || broken "I2: $finish: exit status $?: $(cat $here/out)"
	clean "I2: after one further run"
	tidy > $here/now
	same "I6: what is left" $here/tidy.$after $here/now
	[ ! -e $here/still ] || { still > $here/now && same "I4: an untouched container" $here/still $here/now; }
	echo $after > $here/state
}

# final is what is left of all faults.
final() {
	swept > $here/now
	same "I6: what is left in the end" $here/swept $here/now
}

# count prints a line for each call: its name, and how often the busiest thread made it.
count() {
	target "$1"
	[ "$(cat $here/state)" = $before ] || reach $before > $here/out || exit 1
	traced -e trace="$2"
	awk '{sub(/\(.*/, "", $2); if ($2 ~ /^[a-z]/ && ++n[$1 " " $2] > most[$2]) most[$2]++} END {for (c in most) print c, most[c]}' $here/trace
	$finish > $here/out 2>&1 || { cat $here/out; exit 1; }
	echo $after > $here/state
}

if [ "$1" = fault ]; then
	found=$(fault "$2" "$3" "$4")
	printf '%s\n' "$found"
	case $found in *broken:*) echo "exit status and output of $2:"; tail -n 25 $here/said; echo; grep -e INJECTED -e 'killed by' $here/trace ;; esac
else
	"$@"
fi
