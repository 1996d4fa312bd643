package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"hostctl/host"
	"hostctl/resource"
	"hostctl/runtime"
)

// Check implements resource.Host.
func (h *Host) Check(ctx context.Context, changes []resource.Change, want resource.State) []resource.Problem {
	var checked []resource.Change
	for _, c := range changes {
		if _, ok := c.Want.(*Container); ok && c.Action != resource.Adopt || c.Action == resource.Delete {
			checked = append(checked, c)
		}
	}
	if len(checked) == 0 {
		return nil
	}
	k := &checker{Host: h, want: want, remarked: map[resource.Addr]bool{}}
	for _, c := range checked {
		if c.Action == resource.Delete && remarks(c) {
			k.remarked[c.Addr] = true
		}
	}
	if err := k.look(ctx); err != nil {
		return []resource.Problem{{Addr: checked[0].Addr, Summary: "the host cannot be examined", Detail: err.Error()}}
	}
	problems := make([][]resource.Problem, len(checked))
	each(len(checked), func(i int) { problems[i] = k.check(ctx, checked[i]) })
	var all []resource.Problem
	for _, p := range problems {
		all = append(all, p...)
	}
	return all
}

// checker holds what is looked up once for all changes.
type checker struct {
	*Host
	want        resource.State
	units       map[string]host.Unit
	keepers     map[string]bool
	unitPath    []string
	controllers map[string]bool
	remarked    map[resource.Addr]bool // whose units get their mark again before they go
	maxFiles    uint64                 // that process 1 can give; 0 is unknown
	launcher    error
	kernel      runtime.Checker
}

func (k *checker) look(ctx context.Context) (err error) {
	if k.units, err = k.Host.units(ctx); err != nil {
		return err
	}
	keepers, err := k.Systemd.List(ctx, keeperPrefix+"*"+keeperSuffix)
	if err != nil {
		return err
	}
	k.keepers = map[string]bool{}
	for _, u := range keepers {
		k.keepers[u.Name] = true
	}
	if k.unitPath, err = k.Systemd.UnitPath(ctx); err != nil {
		return err
	}
	k.controllers, err = host.Controllers(k.Cgroups)
	k.launcher = checkLauncher(k.Launcher)
	k.maxFiles = hardFiles(filepath.Join(k.Proc, "1/limits"))
	return err
}

func checkLauncher(path string) error {
	if err := checkLauncherPath(path); err != nil {
		return err
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("launcher: %w", err)
	case !st.Mode().IsRegular() || st.Mode()&0o111 == 0:
		return fmt.Errorf("launcher %s is no program", path)
	case st.Mode()&0o022 != 0:
		return fmt.Errorf("launcher %s can be written by others than its owner", path)
	}
	return nil
}

func (k *checker) check(ctx context.Context, change resource.Change) []resource.Problem {
	v := &validator{self: change.Addr}
	want, ok := change.Want.(*Container)
	if !ok {
		k.checkDelete(ctx, v, change)
		return v.problems
	}
	k.conflicts(ctx, v, change)
	if k.launcher != nil {
		v.bad("", "the program that starts containers is not installed", k.launcher.Error()+"; install it beside hostctl")
	}
	k.checkLabel(v, want)
	k.checkListen(ctx, v, change, want)
	k.checkHelper(ctx, v, change, want)
	k.checkJob(ctx, v, change, want)
	k.checkControllers(v, want)
	if k.maxFiles != 0 && want.Limits.Files > k.maxFiles {
		v.bad("limits.files", fmt.Sprintf("this host gives a process at most %d open files", k.maxFiles), "write that, or less")
	}
	k.checkSecrets(v, want)
	k.checkFiles(v, change, want)
	return v.problems
}

// conflicts looks for a unit or a spec of the container's name that is not ours.
func (k *checker) conflicts(ctx context.Context, v *validator, change resource.Change) {
	unit, name := Unit(change.Addr), change.Addr.HostName()
	_, loaded := k.units[unit]
	file := unitFile(k.unitPath, unit)
	switch {
	case masked(file):
		if change.Want.(*Container).Enabled {
			v.bad("", fmt.Sprintf("unit %s is masked, so that nobody starts it", unit),
				fmt.Sprintf("that is left so; allow it with systemctl unmask %s, or write enabled = false", unit))
		}
	case loaded:
		switch of, err := k.unitOwner(ctx, unit); {
		case err != nil:
			v.bad("", fmt.Sprintf("unit %s cannot be examined", unit), err.Error())
		case of == change.Owner:
		case of != "" && k.remarks(change):
			if err := k.lasts(ctx, unit, of); err != nil {
				v.bad("", "the unit's mark cannot be set again", err.Error())
			}
		case resource.CheckName(of) == nil:
			v.bad("", fmt.Sprintf("a unit %s is there that is configuration %q's", unit, of), "give the container another name; "+resource.AdoptRemedy(of))
		default:
			v.bad("", fmt.Sprintf("a unit %s is there that is not this configuration's", unit),
				"it is left alone; give the container another name, or remove that unit")
		}
	case file != "":
		v.unitFile(file, unit)
	}
	k.checkKeeper(ctx, v, change.Addr)
	spec, _, err := k.Specs.ReadSpec(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.As(err, new(*runtime.VersionError)) && change.Action == resource.Update:
		v.bad("", fmt.Sprintf("container %s was started by a newer hostctl, and this one does not know with what", name),
			fmt.Sprintf("%s; it goes on as it is: use the hostctl that started it, or have this one make it anew: hostctl apply -replace %s", err, change.Addr))
	case err != nil && change.Last != nil:
		// The ledger says that it is this container's, and it is written anew.
	case err != nil:
		v.bad("", fmt.Sprintf("what the launcher has of container %s cannot be read, so that nobody knows whose it is", name),
			fmt.Sprintf("%s; if it is nobody's: systemctl stop %s %s; rm -r %s", err, Keeper(change.Addr), unit,
				filepath.Join(k.Specs.Run, "containers", name)))
	case spec.Owner == "":
		v.bad("", fmt.Sprintf("a container that was let go has the name %s on this host", name), releasedRemedy(change.Addr))
	case spec.Owner != change.Owner:
		v.bad("", fmt.Sprintf("%s of configuration %q has this name on the host", spec.Address, spec.Owner),
			"give the container another name; "+resource.AdoptRemedy(spec.Owner))
	case spec.Address != change.Addr.String() && spec.Address != change.From.String():
		v.bad("", fmt.Sprintf("%s has this name on the host", spec.Address), "remove that container first")
	}
}

// unitFile reports a unit file that has a name which the container needs.
func (v *validator) unitFile(file, unit string) {
	if masked(file) {
		v.bad("", fmt.Sprintf("unit %s is masked, so that nobody starts it", unit), fmt.Sprintf("that is left so; give the container another name, or allow it with systemctl unmask %s", unit))
		return
	}
	v.bad("", fmt.Sprintf("the host has a unit file %s", file), "it is left alone; give the container another name, or remove that file")
}

// checkKeeper looks for a slice of the keeper's name that is not ours, or that holds others.
func (k *checker) checkKeeper(ctx context.Context, v *validator, addr resource.Addr) {
	name := Keeper(addr)
	if file := unitFile(k.unitPath, name); file != "" {
		v.unitFile(file, name)
		return
	}
	if !k.keepers[name] {
		return
	}
	switch err := k.keeps(ctx, addr); {
	case errors.Is(err, errForeign):
		v.bad("", fmt.Sprintf("a slice %s is there that is not this configuration's", name), "it is left alone; give the container another name, or stop that slice")
	case err != nil:
		v.bad("", fmt.Sprintf("slice %s is not the container's alone", name), err.Error())
	}
}

// remarks reports whether the change, or the end of what it replaces, sets the mark of the container's units again.
func (k *checker) remarks(change resource.Change) bool {
	return remarks(change) || k.remarked[change.Addr]
}

// checkDelete looks for what would keep a container running that the plan says is removed.
func (k *checker) checkDelete(ctx context.Context, v *validator, change resource.Change) {
	unit := Unit(change.Addr)
	if _, loaded := k.units[unit]; !loaded {
		return
	}
	err := k.hidden(ctx, unit)
	if err == nil {
		return
	}
	if of, ownerErr := k.unitOwner(ctx, unit); ownerErr == nil && of != "" && k.remarks(change) {
		return
	}
	if ours, oursErr := k.ours(ctx, unit, change.Owner); oursErr == nil && !ours {
		v.bad("", fmt.Sprintf("nothing proves that unit %s is this container", unit), err.Error())
	}
}

// masked reports whether a unit's file is what systemctl mask makes of it.
func masked(file string) bool {
	to, err := os.Readlink(file)
	return err == nil && to == "/dev/null"
}

// unitFile is the file of that unit, also one that is a link to /dev/null; transient units have theirs elsewhere.
func unitFile(dirs []string, unit string) string {
	for _, dir := range dirs {
		if strings.HasSuffix(dir, "/transient") {
			continue
		}
		file := filepath.Join(dir, unit)
		if _, err := os.Lstat(file); err == nil {
			return file
		}
	}
	return ""
}

func (k *checker) checkControllers(v *validator, want *Container) {
	if k.Try {
		return
	}
	for _, c := range []struct {
		name, path string
		asked      bool
	}{
		{"memory", "limits.memory", want.Limits.Memory != 0},
		{"memory", "limits.memory_high", want.Limits.MemoryHigh != 0},
		{"cpu", "limits.cpu", want.Limits.CPU != 0},
		{"cpu", "limits.cpu_weight", want.Limits.CPUWeight != 0},
		{"io", "limits.io_weight", want.Limits.IOWeight != 0},
		{"cpuset", "limits.cpus", want.Limits.CPUs != ""},
		{"pids", "limits.tasks", want.Limits.Tasks != 0},
	} {
		if c.asked && !k.controllers[c.name] {
			v.bad(c.path, fmt.Sprintf("this host has no cgroup controller %q, so nothing would hold the limit", c.name),
				"enable it (on the kernel's command line, or take it from the version 1 hierarchy), or write 0 for no limit")
		}
	}
}

// checkFiles looks at the directories that the container is made of, as the launcher will.
func (k *checker) checkFiles(v *validator, change resource.Change, want *Container) {
	if err := directory(want.Rootfs); err != nil {
		v.bad("rootfs", fmt.Sprintf("%s cannot be a root directory", want.Rootfs), err.Error())
		return
	}
	for _, target := range slices.Sorted(maps.Keys(want.Device)) {
		source := want.Device[target].source(target)
		if _, err := runtime.CharDevice(source); err != nil {
			v.bad("device["+strconv.Quote(target)+"]", fmt.Sprintf("%s cannot be given to a container", source), err.Error())
		}
	}
	if want.Timezone != "" && !hasZone(want.Rootfs, want.Timezone) {
		v.bad("timezone", fmt.Sprintf("the rootfs does not know the zone %s", want.Timezone),
			fmt.Sprintf("it has no /usr/share/zoneinfo/%s: install tzdata in it, or look at the name's spelling", want.Timezone))
	}
	spec, err := want.launcherSpec(change.Addr, change.Owner)
	if err == nil {
		err = spec.Validate()
	}
	if err != nil {
		v.bad("", "the launcher would refuse this container", err.Error())
		return
	}
	// A volume that is not there yet is made before the container is; of it only its filesystem is
	// known. The rootfs, which is a directory, stands in for it where its target is looked at.
	later := false
	mounts := spec.Mounts
	spec.Mounts = nil
	for _, m := range mounts {
		at, there := ancestor(m.Source)
		if there {
			spec.Mounts = append(spec.Mounts, m)
			continue
		}
		later = true
		if want.Boot && !m.ReadOnly {
			if err := runtime.CheckSetuid(at); err != nil {
				v.badSetuid(m.Target, m.Source, err)
			}
			m.ReadOnly = true // said, and no more true of what stands in for it
		}
		if name := noIDMap(at); name != "" && m.Owner != nil {
			v.bad(mountPath(m.Target), fmt.Sprintf("%s cannot be mounted with mapped ids", m.Source),
				fmt.Sprintf("%s is on %s, which cannot show files as another owner's; %s", at, name, idMapRemedy))
		}
		if m.Path == "" { // what is in it, a file or a directory, nobody knows yet
			m.Source, m.Owner = want.Rootfs, nil
			spec.Mounts = append(spec.Mounts, m)
		}
	}
	for _, p := range k.kernel.Check(*spec) {
		var refused *runtime.IDMapError
		switch {
		case p.Field == "mounts" && errors.As(p.Err, &refused):
			v.bad(mountPath(p.Target), fmt.Sprintf("the volume of %s cannot be mounted with mapped ids", p.Target), p.Err.Error()+"; "+idMapRemedy)
		case p.Field == "setuid":
			v.badSetuid(p.Target, want.Mount[p.Target].Source, p.Err)
		case p.Field == "mounts":
			v.bad(mountPath(p.Target), fmt.Sprintf("nothing can be mounted at %s", p.Target), p.Err.Error())
		case p.Field == "files":
			v.bad(filePath(p.Target), fmt.Sprintf("no file can be at %s", p.Target), p.Err.Error())
		case p.Field == "owner":
			v.bad(filePath(p.Target)+".owner", fmt.Sprintf("the rootfs does not know the owner of %s", p.Target), p.Err.Error())
		case p.Field == "secrets":
			v.bad(want.secretAt(p.Target), fmt.Sprintf("no file can be at %s", p.Target), p.Err.Error())
		case p.Field == "secret owner":
			v.bad(want.secretAt(p.Target)+".owner", fmt.Sprintf("the rootfs does not know the owner of %s", p.Target), p.Err.Error())
		case p.Field == "tmpfs":
			v.bad("tmpfs["+strconv.Quote(p.Target)+"]", fmt.Sprintf("nothing can be mounted at %s", p.Target), p.Err.Error())
		case p.Field == "args" && later && !strings.HasPrefix(want.Command[0], "/"):
			// The program may come with the volume.
		case p.Field == "args":
			v.bad("command", fmt.Sprintf("%q cannot be run in this rootfs", want.Command[0]), p.Err.Error())
		case p.Field == "overlay":
			v.bad("root", "this kernel has no overlay filesystem for it", p.Err.Error()+"; load its module, boot a newer kernel, or take root away for one that is read-only")
		case p.Field == "root":
			v.bad("root", fmt.Sprintf("others can reach %s", want.Rootfs), p.Err.Error())
		case p.Field == "groups":
			v.bad("groups", "the rootfs does not know a group", p.Err.Error())
		case p.Field == "user":
			v.bad("user", "the rootfs does not know the user", p.Err.Error())
		case errors.As(p.Err, &refused):
			v.bad("rootfs", fmt.Sprintf("%s cannot be mounted with mapped ids", want.Rootfs), p.Err.Error()+"; put it on ext4, xfs, btrfs or tmpfs")
		default:
			v.bad("rootfs", fmt.Sprintf("%s cannot be a root directory", want.Rootfs), p.Err.Error())
		}
	}
}

const idMapRemedy = "put the volume on ext4, xfs, btrfs or tmpfs, or run the container as the volume's owner with run_as"

func (v *validator) badSetuid(target, volume string, err error) {
	v.bad(mountPath(target), fmt.Sprintf("users of the host reach %s, where a whole system could make setuid programs", volume), err.Error())
}

func mountPath(target string) string { return "mount[" + strconv.Quote(target) + "].volume" }

// ancestor returns the deepest directory of a path that is there, and whether that is the path itself.
func ancestor(path string) (string, bool) {
	for at := path; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err == nil || at == "/" {
			return at, at == path
		}
	}
}

// noIDMap names the filesystem of a directory where it is one of those that refuse idmapped mounts; else "".
func noIDMap(dir string) string {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return ""
	}
	return map[int64]string{0x794c7630: "overlay", 0x6969: "nfs", 0x65735546: "fuse"}[int64(fs.Type)] // statfs(2)
}

// directory says what is wrong with a path whose every component has to be a directory.
func directory(path string) error {
	at := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		at += "/" + part
		st, err := os.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist) && at == path:
			return errors.New("there is no such directory; make it before the container is declared")
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("there is no directory %s", at)
		case err != nil:
			return err
		case st.Mode()&fs.ModeSymlink != 0:
			return fmt.Errorf("%s is a symbolic link; write the path that it leads to", at)
		case !st.IsDir():
			return fmt.Errorf("%s is no directory", at)
		}
	}
	return nil
}
