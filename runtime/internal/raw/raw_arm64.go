package raw

const (
	sysPrlimit64   = 261
	sysRtSigaction = 134
)
