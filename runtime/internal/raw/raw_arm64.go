package raw

const (
	sysClone         = 220
	sysPrlimit64     = 261
	sysRtSigaction   = 134
	sysRtSigprocmask = 135
)
