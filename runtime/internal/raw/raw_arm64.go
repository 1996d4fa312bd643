package raw

const sysPrlimit64 = 261
