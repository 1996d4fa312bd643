#include "textflag.h"

// The loop keeps all it needs in registers that the kernel preserves (it clobbers AX, CX and
// R11 only): R12 the call, R13 how many are left, BX the index, R15 the report.
// R14 holds g and stays untouched.

// func clone(trap, a1, a2 uintptr, calls *Call, n uintptr, report *Report) uintptr
TEXT ·clone(SB),NOSPLIT,$0-56
	MOVQ	trap+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	MOVQ	calls+24(FP), R12
	MOVQ	n+32(FP), R13
	MOVQ	report+40(FP), R15
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, ret+48(FP)
	RET
child:
	XORQ	BX, BX
loop:
	MOVQ	0(R12), AX
	MOVQ	8(R12), DI
	MOVQ	16(R12), SI
	MOVQ	24(R12), DX
	MOVQ	32(R12), R10
	MOVQ	40(R12), R8
	MOVQ	48(R12), R9
	SYSCALL
	CMPQ	AX, $-4095
	JCC	fail	// unsigned >=
	MOVQ	56(R12), CX
	CMPQ	CX, $-1
	JEQ	store
	CMPQ	AX, CX
	JNE	fail
store:
	MOVQ	64(R12), CX
	TESTQ	CX, CX
	JZ	second
	MOVQ	AX, (CX)
second:
	MOVQ	72(R12), CX
	TESTQ	CX, CX
	JZ	next
	MOVQ	AX, (CX)
next:
	ADDQ	$80, R12
	INCQ	BX
	DECQ	R13
	JNZ	loop
fail:
	MOVQ	BX, 0(R15)
	MOVQ	AX, 8(R15)
	MOVQ	$1, AX	// write
	MOVQ	16(R15), DI
	MOVQ	R15, SI
	MOVQ	$16, DX
	SYSCALL
	MOVQ	$271, AX	// ppoll
	LEAQ	32(R15), DI
	MOVQ	$1, SI
	LEAQ	40(R15), DX
	XORQ	R10, R10
	XORQ	R8, R8
	SYSCALL
	MOVQ	$231, AX	// exit_group
	MOVQ	24(R15), DI
	SYSCALL
	INT	$3

// func syscall4(trap, a1, a2, a3, a4 uintptr) uintptr
TEXT ·syscall4(SB),NOSPLIT,$0-48
	MOVQ	trap+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	MOVQ	a3+24(FP), DX
	MOVQ	a4+32(FP), R10
	SYSCALL
	MOVQ	AX, ret+40(FP)
	RET

// onSignal is a signal handler: kill(forwardTo, signal). The kernel returns from it to restore.
TEXT ·onSignal(SB),NOSPLIT|NOFRAME,$0
	MOVL	DI, SI
	MOVL	·forwardTo(SB), DI
	MOVQ	$62, AX	// kill
	SYSCALL
	RET

// onStop is a signal handler: write(tellTo, &one, 8).
TEXT ·onStop(SB),NOSPLIT|NOFRAME,$0
	MOVL	·tellTo(SB), DI
	LEAQ	·one(SB), SI
	MOVQ	$8, DX
	MOVQ	$1, AX	// write
	SYSCALL
	RET

TEXT ·restore(SB),NOSPLIT|NOFRAME,$0
	MOVQ	$15, AX	// rt_sigreturn
	SYSCALL
	INT	$3

// func handlers() (onSignal, onStop, restore uintptr)
TEXT ·handlers(SB),NOSPLIT,$0-24
	LEAQ	·onSignal(SB), AX
	MOVQ	AX, onSignal+0(FP)
	LEAQ	·onStop(SB), AX
	MOVQ	AX, onStop+8(FP)
	LEAQ	·restore(SB), AX
	MOVQ	AX, restore+16(FP)
	RET
