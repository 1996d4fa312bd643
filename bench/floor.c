//go:build ignore

/*
 * The floor: the least that a program can do to run a command in a container of
 * the kind that hostctl-launch makes, with nothing looked up, checked or reported.
 *
 *   floor ROOTFS BASE COUNT COMMAND [ARG]...
 *
 * It makes all seven namespaces, the id maps 0 -> BASE, an idmapped read-only
 * root, fresh /dev, /proc, /sys, /run, /tmp and cgroup2 with the same parts
 * covered or read-only, gives up every capability, runs the command and exits
 * as it does. Any failure is exit 125.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Not <sys/mount.h>: in glibc 2.36 it cannot stand beside <linux/mount.h>. */
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);
#define NOSUID 2UL
#define NODEV 4UL
#define NOEXEC 8UL
#define RDONLY 1UL
#define BIND 4096UL
#define REC 16384UL
#define PRIVATE (1UL << 18)

#define TRY(call)                                                              \
	do {                                                                   \
		if ((call) < 0) {                                              \
			dprintf(2, "floor: %s: %s\n", #call, strerror(errno)); \
			_exit(125);                                            \
		}                                                              \
	} while (0)

static void put(const char *path, const char *text)
{
	int fd;
	TRY(fd = open(path, O_WRONLY | O_CLOEXEC));
	TRY(write(fd, text, strlen(text)));
	close(fd);
}

/* The same places that the launcher covers or makes read-only; what a kernel does not have is left out. */
static const char *masked[] = { "proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/sched_debug",
				"proc/scsi", "proc/timer_list", "proc/timer_stats", "sys/devices/virtual/powercap", "sys/firmware" };
static const char *readonly[] = { "proc/bus", "proc/fs", "proc/irq", "proc/sysrq-trigger", "proc/sys" };

static struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

/* devices makes /dev from outside: mknod is refused in a user namespace. */
static int devices(const char *owner)
{
	static const struct {
		const char *name;
		int major, minor;
	} nodes[] = { { "null", 1, 3 }, { "zero", 1, 5 }, { "full", 1, 7 }, { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 } };
	int fs, dev;
	TRY(fs = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC));
	TRY(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", "64k", 0));
	TRY(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0));
	TRY(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "uid", owner, 0));
	TRY(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "gid", owner, 0));
	TRY(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	TRY(dev = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
	close(fs);
	for (int i = 0; i < 6; i++)
		TRY(mknodat(dev, nodes[i].name, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)));
	TRY(mkdirat(dev, "pts", 0755));
	TRY(mkdirat(dev, "shm", 0755));
	TRY(symlinkat("pts/ptmx", dev, "ptmx"));
	TRY(symlinkat("/proc/self/fd", dev, "fd"));
	TRY(symlinkat("/proc/self/fd/0", dev, "stdin"));
	TRY(symlinkat("/proc/self/fd/1", dev, "stdout"));
	TRY(symlinkat("/proc/self/fd/2", dev, "stderr"));
	return dev;
}

/* cover lays an empty file or directory without permissions over each masked place. */
static void cover(int file, int dir)
{
	char from[2][32];
	struct stat st;
	snprintf(from[0], sizeof from[0], "/proc/self/fd/%d", file);
	snprintf(from[1], sizeof from[1], "/proc/self/fd/%d", dir);
	for (unsigned i = 0; i < sizeof masked / sizeof *masked; i++)
		if (stat(masked[i], &st) == 0)
			TRY(mount(from[S_ISDIR(st.st_mode)], masked[i], NULL, BIND, NULL));
	for (unsigned i = 0; i < sizeof readonly / sizeof *readonly; i++)
		if (mount(readonly[i], readonly[i], NULL, BIND, NULL) == 0)
			TRY(syscall(SYS_mount_setattr, AT_FDCWD, readonly[i], 0, &ro, sizeof ro));
}

static int child(int go, int root, int dev, char **argv)
{
	char byte;
	int file, dir;
	TRY(read(go, &byte, 1) - 1);
	TRY(syscall(SYS_setgroups, 0, NULL));
	TRY(syscall(SYS_setresgid, 0, 0, 0));
	TRY(syscall(SYS_setresuid, 0, 0, 0));

	TRY(mount("tmpfs", "/mnt", "tmpfs", NOSUID | NODEV | NOEXEC, "mode=0,size=4k"));
	TRY(mkdir("/mnt/dir", 0));
	TRY(mknod("/mnt/file", S_IFREG, 0));
	TRY(dir = open("/mnt/dir", O_PATH | O_CLOEXEC));
	TRY(file = open("/mnt/file", O_PATH | O_CLOEXEC));
	TRY(syscall(SYS_move_mount, root, "", AT_FDCWD, "/mnt", MOVE_MOUNT_F_EMPTY_PATH));
	TRY(chdir("/mnt"));
	/* A clone of systemd's shared / is shared, and pivot_root(2) takes none that is. */
	TRY(mount(NULL, ".", NULL, REC | PRIVATE, NULL));
	TRY(syscall(SYS_move_mount, dev, "", AT_FDCWD, "dev", MOVE_MOUNT_F_EMPTY_PATH));
	TRY(mount("devpts", "dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=666,mode=620"));
	TRY(mount("tmpfs", "dev/shm", "tmpfs", NOSUID | NODEV, "mode=1777,size=64m"));
	TRY(mount("proc", "proc", "proc", NOSUID | NODEV | NOEXEC, NULL));
	TRY(mount("sysfs", "sys", "sysfs", NOSUID | NODEV | NOEXEC | RDONLY, NULL));
	TRY(mount("cgroup2", "sys/fs/cgroup", "cgroup2", NOSUID | NODEV | NOEXEC | RDONLY, NULL));
	TRY(mount("tmpfs", "run", "tmpfs", NOSUID | NODEV, "mode=755,size=16m"));
	TRY(mount("tmpfs", "tmp", "tmpfs", NOSUID | NODEV, "mode=1777,size=64m"));
	cover(file, dir);

	TRY(syscall(SYS_pivot_root, ".", "."));
	TRY(umount2(".", 2 /* MNT_DETACH */));
	TRY(chdir("/"));
	TRY(sethostname("floor", 5));

	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap) == 0; cap++)
		;
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };
	TRY(syscall(SYS_capset, &header, none));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	umask(022);
	TRY(syscall(SYS_close_range, 3, ~0U, 0));

	char *env[] = { "PATH=/bin", NULL };
	TRY(execve(argv[0], argv, env));
	return 125;
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		dprintf(2, "usage: floor ROOTFS BASE COUNT COMMAND [ARG]...\n");
		return 125;
	}
	umask(0);
	int root, dev, go[2], userns, status;
	TRY(root = syscall(SYS_open_tree, AT_FDCWD, argv[1], OPEN_TREE_CLONE | O_CLOEXEC));
	dev = devices(argv[2]);
	TRY(pipe2(go, O_CLOEXEC));

	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP,
		.exit_signal = SIGCHLD,
	};
	pid_t pid;
	TRY(pid = syscall(SYS_clone3, &args, sizeof args));
	if (pid == 0)
		return child(go[0], root, dev, argv + 4);

	char path[64], map[64];
	snprintf(map, sizeof map, "0 %s %s", argv[2], argv[3]);
	snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
	put(path, map);
	snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
	put(path, map);
	snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
	TRY(userns = open(path, O_RDONLY | O_CLOEXEC));
	struct mount_attr idmap = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, .userns_fd = userns };
	TRY(syscall(SYS_mount_setattr, root, "", AT_EMPTY_PATH, &idmap, sizeof idmap));
	TRY(write(go[1], "", 1));

	TRY(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
