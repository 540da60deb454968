// Entries of the hooks of dlopen, dlmopen, dlsym and dlvsym (interpose/loader_hooks.cc). They decide
// something, put the arguments back, and jump: the original sees the application's return address,
// by which it knows its caller.

        .text

        .macro  BEGIN name
        .globl  \name
        .hidden \name
        .type   \name, @function
\name:
        .cfi_startproc
        endbr64
        .endm

        .macro  END name
        .cfi_endproc
        .size   \name, . - \name
        .endm

// Calls `decide` with the arguments, of which there are at most three, and restores them. What a
// stub has put behind them is passed, too. The answer is in rax.
        .macro  ASK decide
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        call    \decide
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        .endm

// void* FdoriginDlopenStub(const char* path, int flags)
        BEGIN   FdoriginDlopenStub
        ASK     FdoriginMayWrapDlopen
        testb   %al, %al
        jne     FdoriginWrappedDlopen
        jmp     *dlopen@GOTPCREL(%rip)
        END     FdoriginDlopenStub

// void* FdoriginDlmopenStub(Lmid_t space, const char* path, int flags)
        BEGIN   FdoriginDlmopenStub
        ASK     FdoriginNoteDlmopen
        jmp     *dlmopen@GOTPCREL(%rip)
        END     FdoriginDlmopenStub

// void* FdoriginDlsymStub(void* handle, const char* name)
        BEGIN   FdoriginDlsymStub
        movq    (%rsp), %rdx            // the caller
        ASK     FdoriginAnswerDlsym
        testq   %rax, %rax
        je      1f
        ret
1:      jmp     *dlsym@GOTPCREL(%rip)
        END     FdoriginDlsymStub

// void* FdoriginDlvsymStub(void* handle, const char* name, const char* version)
        BEGIN   FdoriginDlvsymStub
        movq    (%rsp), %rcx            // the caller
        ASK     FdoriginAnswerDlvsym
        testq   %rax, %rax
        je      1f
        ret
1:      jmp     *dlvsym@GOTPCREL(%rip)
        END     FdoriginDlvsymStub

        .section .note.GNU-stack, "", @progbits
