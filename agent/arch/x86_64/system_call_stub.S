// The hook of syscall(2), whose number decides what is to be done (interpose/calls.h). Nearly all go
// straight on to the original, as if they had never come by: a fork, clone or vfork made here returns
// to the application by the one return address that the stack holds.

#include "arch/x86_64/system_calls.h"

        .text

// long FdoriginSyscallStub(long number, ...)
        .globl  FdoriginSyscallStub
        .hidden FdoriginSyscallStub
        .type   FdoriginSyscallStub, @function
FdoriginSyscallStub:
        .cfi_startproc
        endbr64
        cmpq    $FDORIGIN_SYSTEM_CALL_LIMIT, %rdi
        jae     1f
        leaq    FdoriginSystemCallHooks(%rip), %r11
        movq    (%r11,%rdi,8), %r11
        testq   %r11, %r11
        je      1f
        cmpq    $FDORIGIN_MAKES_CHILD, %r11
        je      2f
        // The hook takes what the system call takes, and returns to the caller of syscall().
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %rcx
        movq    %r9, %r8
        movq    8(%rsp), %r9
        jmp     *%r11
1:      movq    FdoriginSyscallOriginal(%rip), %r11
        jmp     *(%r11)
        // The child may share our memory, and who knows when it ends.
2:      movb    $1, FdoriginAskForPid(%rip)
        jmp     1b
        .cfi_endproc
        .size   FdoriginSyscallStub, . - FdoriginSyscallStub

        .section .note.GNU-stack, "", @progbits
