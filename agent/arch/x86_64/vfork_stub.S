// The hook of vfork: the child runs on this thread's stack and in its thread-local storage until it
// becomes another program or ends, and what it does to descriptors it does to its own. So the thread
// is marked before and unmarked after. vfork returns twice, so that nothing can be wrapped around it:
// this is the system call itself, with the return address kept in a register, as the child is free to
// overwrite the stack (glibc: sysdeps/unix/sysv/linux/x86_64/vfork.S does no other).

        .text

// pid_t FdoriginVforkStub()
        .globl  FdoriginVforkStub
        .hidden FdoriginVforkStub
        .type   FdoriginVforkStub, @function
FdoriginVforkStub:
        .cfi_startproc
        endbr64
        // With a shadow stack the child would need one of its own to return on. libc knows how.
        xorl    %eax, %eax
        rdsspq  %rax
        testq   %rax, %rax
        jne     2f
        movq    FdoriginVforkDepth@gottpoff(%rip), %rdx
        incl    %fs:(%rdx)
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rdi
        movl    $58, %eax               // SYS_vfork
        syscall
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rip, 0
        testl   %eax, %eax
        je      1f                      // the child
        decl    %fs:(%rdx)
        cmpl    $-4095, %eax
        jae     3f
1:      ret
2:      movb    $1, FdoriginAskForPid(%rip)
        movq    FdoriginVforkOriginal(%rip), %r11
        jmp     *(%r11)
3:      negl    %eax
        movl    %eax, %edi
        jmp     FdoriginSetErrno
        .cfi_endproc
        .size   FdoriginVforkStub, . - FdoriginVforkStub

        .section .note.GNU-stack, "", @progbits
