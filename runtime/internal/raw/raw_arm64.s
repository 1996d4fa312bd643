#include "textflag.h"

// The kernel preserves every register but R0: R19 the call, R20 how many are left,
// R21 the report, R22 the index. R28 holds g and stays untouched.

// func clone(trap, a1, a2 uintptr, calls *Call, n uintptr, report *Report) uintptr
TEXT ·clone(SB),NOSPLIT,$0-56
	MOVD	trap+0(FP), R8
	MOVD	a1+8(FP), R0
	MOVD	a2+16(FP), R1
	MOVD	calls+24(FP), R19
	MOVD	n+32(FP), R20
	MOVD	report+40(FP), R21
	SVC
	CBZ	R0, child
	MOVD	R0, ret+48(FP)
	RET
child:
	MOVD	ZR, R22
loop:
	MOVD	0(R19), R8
	MOVD	8(R19), R0
	MOVD	16(R19), R1
	MOVD	24(R19), R2
	MOVD	32(R19), R3
	MOVD	40(R19), R4
	MOVD	48(R19), R5
	SVC
	CMN	$4095, R0
	BCS	fail	// unsigned >= -4095
	MOVD	56(R19), R9
	CMN	$1, R9
	BEQ	store
	CMP	R0, R9
	BNE	fail
store:
	MOVD	64(R19), R9
	CBZ	R9, second
	MOVD	R0, (R9)
second:
	MOVD	72(R19), R9
	CBZ	R9, next
	MOVD	R0, (R9)
next:
	ADD	$80, R19
	ADD	$1, R22
	SUBS	$1, R20
	BNE	loop
fail:
	MOVD	R22, 0(R21)
	MOVD	R0, 8(R21)
	MOVD	$64, R8	// write
	MOVD	16(R21), R0
	MOVD	R21, R1
	MOVD	$16, R2
	SVC
	ADD	$32, R21, R0
	MOVD	$1, R1
	ADD	$40, R21, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	MOVD	$73, R8	// ppoll
	SVC
	MOVD	$94, R8	// exit_group
	MOVD	24(R21), R0
	SVC
	BRK

// func syscall4(trap, a1, a2, a3, a4 uintptr) uintptr
TEXT ·syscall4(SB),NOSPLIT,$0-48
	MOVD	trap+0(FP), R8
	MOVD	a1+8(FP), R0
	MOVD	a2+16(FP), R1
	MOVD	a3+24(FP), R2
	MOVD	a4+32(FP), R3
	SVC
	MOVD	R0, ret+40(FP)
	RET

// onSignal is a signal handler: kill(forwardTo, signal). The kernel's own trampoline is in the link register.
TEXT ·onSignal(SB),NOSPLIT|NOFRAME,$0
	MOVW	R0, R1
	MOVW	·forwardTo(SB), R0
	MOVD	$129, R8	// kill
	SVC
	RET

// onStop is a signal handler: write(tellTo, &one, 8).
TEXT ·onStop(SB),NOSPLIT|NOFRAME,$0
	MOVW	·tellTo(SB), R0
	MOVD	$·one(SB), R1
	MOVD	$8, R2
	MOVD	$64, R8	// write
	SVC
	RET

// func handlers() (onSignal, onStop, restore uintptr)
TEXT ·handlers(SB),NOSPLIT,$0-24
	MOVD	$·onSignal(SB), R0
	MOVD	R0, onSignal+0(FP)
	MOVD	$·onStop(SB), R0
	MOVD	R0, onStop+8(FP)
	MOVD	ZR, restore+16(FP)
	RET
