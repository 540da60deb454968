// Functions that are interrupted at places where looking one byte back would be wrong.

        .text

// No unwind information, so that nothing can be learnt from the byte before the next function.
        .globl  HeronWithoutUnwindInformation
        .type   HeronWithoutUnwindInformation, @function
HeronWithoutUnwindInformation:
        nop
        ret
        .size   HeronWithoutUnwindInformation, . - HeronWithoutUnwindInformation

// Interrupted (SIGILL) at its very first instruction.
        .globl  HeronInterruptedAtEntry
        .type   HeronInterruptedAtEntry, @function
HeronInterruptedAtEntry:
        .cfi_startproc
        ud2
        ret
        .cfi_endproc
        .size   HeronInterruptedAtEntry, . - HeronInterruptedAtEntry

// Interrupted behind a push, where the CFA is not what it was one byte before.
        .globl  HeronInterruptedBehindPush
        .type   HeronInterruptedBehindPush, @function
HeronInterruptedBehindPush:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        ud2
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbp
        ret
        .cfi_endproc
        .size   HeronInterruptedBehindPush, . - HeronInterruptedBehindPush

        .section .note.GNU-stack, "", @progbits
