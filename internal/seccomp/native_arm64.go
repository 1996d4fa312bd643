package seccomp

// Native is the architecture of this program.
var Native = ARM64
