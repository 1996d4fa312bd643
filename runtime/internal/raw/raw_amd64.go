package raw

const sysPrlimit64 = 302
