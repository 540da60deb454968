// Entries of the hooks of dlopen and dlsym (interpose/loader_hooks.cc). They decide something, put
// the arguments back, and jump: the original sees the application's return address, by which it
// knows its caller.

        .text

// void* FdoriginDlopenStub(const char* path, int flags)
        .globl  FdoriginDlopenStub
        .hidden FdoriginDlopenStub
        .type   FdoriginDlopenStub, @function
FdoriginDlopenStub:
        .cfi_startproc
        endbr64
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    FdoriginMayWrapDlopen
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        testb   %al, %al
        jne     FdoriginWrappedDlopen
        jmp     *dlopen@GOTPCREL(%rip)
        .cfi_endproc
        .size   FdoriginDlopenStub, . - FdoriginDlopenStub

// void* FdoriginDlsymStub(void* handle, const char* name)
        .globl  FdoriginDlsymStub
        .hidden FdoriginDlsymStub
        .type   FdoriginDlsymStub, @function
FdoriginDlsymStub:
        .cfi_startproc
        endbr64
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    FdoriginAnswerDlsym
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        testq   %rax, %rax
        je      1f
        ret
1:      jmp     *dlsym@GOTPCREL(%rip)
        .cfi_endproc
        .size   FdoriginDlsymStub, . - FdoriginDlsymStub

// void* FdoriginDlvsymStub(void* handle, const char* name, const char* version)
        .globl  FdoriginDlvsymStub
        .hidden FdoriginDlvsymStub
        .type   FdoriginDlvsymStub, @function
FdoriginDlvsymStub:
        .cfi_startproc
        endbr64
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        call    FdoriginAnswerDlvsym
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        testq   %rax, %rax
        je      1f
        ret
1:      jmp     *dlvsym@GOTPCREL(%rip)
        .cfi_endproc
        .size   FdoriginDlvsymStub, . - FdoriginDlvsymStub

        .section .note.GNU-stack, "", @progbits
