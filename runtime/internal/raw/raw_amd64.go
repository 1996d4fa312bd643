package raw

const (
	sysPrlimit64   = 302
	sysRtSigaction = 13
)
