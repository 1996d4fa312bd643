package raw

const (
	sysClone         = 56
	sysPrlimit64     = 302
	sysRtSigaction   = 13
	sysRtSigprocmask = 14
)
