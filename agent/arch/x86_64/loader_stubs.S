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
        call    FdoriginBeforeDlsym
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        jmp     *dlsym@GOTPCREL(%rip)
        .cfi_endproc
        .size   FdoriginDlsymStub, . - FdoriginDlsymStub

        .section .note.GNU-stack, "", @progbits
