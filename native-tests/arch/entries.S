// Functions whose entries are patched, or refused, by entry_patch_test.cc. Each is called as
// long f(long, long). HERON_END gives the symbol its size, which is what the agent goes by.

        .text

        .macro  HERON_AT align, skip, name
        .balign \align, 0xcc
        .if     \skip
        .skip   \skip, 0xcc
        .endif
        .globl  \name
        .type   \name, @function
\name:
        .cfi_startproc
        .endm

        .macro  HERON name
        HERON_AT 64, 0, \name
        .endm

        .macro  HERON_END name
        .cfi_endproc
        .size   \name, . - \name
        .endm

        .macro  HERON_PUSH register
        pushq   \register
        .cfi_adjust_cfa_offset 8
        .endm

        .macro  HERON_POP register
        popq    \register
        .cfi_adjust_cfa_offset -8
        .endm

// ---- What can be moved ----

HERON   HeronImmediate
        movl    $1000, %eax
        leaq    (%rax, %rdi), %rax
        ret
HERON_END HeronImmediate

HERON   HeronMovs
        movq    %rdi, %r10
        movl    $7, %eax
        addq    %r10, %rax
        ret
HERON_END HeronMovs

// The second is copied, and called while the copies are patched.
        .irp    name, HeronPushes, HeronStorm
HERON   \name
        HERON_PUSH %rbp
        movq    %rsp, %rbp
        HERON_PUSH %rbx
        movq    %rdi, %rbx
        leaq    3(%rbx, %rsi), %rax
        HERON_POP %rbx
        HERON_POP %rbp
        ret
HERON_END \name
        .endr

HERON   HeronManyPushes
        HERON_PUSH %r15
        HERON_PUSH %r14
        HERON_PUSH %r13
        HERON_PUSH %r12
        leaq    (%rdi, %rdi, 4), %rax
        HERON_POP %r12
        HERON_POP %r13
        HERON_POP %r14
        HERON_POP %r15
        ret
HERON_END HeronManyPushes

HERON   HeronStack
        subq    $24, %rsp
        .cfi_adjust_cfa_offset 24
        movq    %rdi, 8(%rsp)
        movq    8(%rsp), %rax
        addq    $24, %rsp
        .cfi_adjust_cfa_offset -24
        ret
HERON_END HeronStack

HERON   HeronThread
        movq    %fs:0, %rax
        subq    %fs:0, %rax
        addq    %rdi, %rax
        ret
HERON_END HeronThread

HERON   HeronRelativeCompare
        cmpb    $17, heron_byte(%rip)
        sete    %al
        movzbl  %al, %eax
        addq    %rdi, %rax
        ret
HERON_END HeronRelativeCompare

HERON   HeronRelativeLoad
        movq    heron_word(%rip), %rax
        addq    %rdi, %rax
        ret
HERON_END HeronRelativeLoad

HERON   HeronRelativeAddress
        leaq    heron_word(%rip), %rdx
        movq    (%rdx), %rax
        addq    %rdi, %rax
        ret
HERON_END HeronRelativeAddress

// Two of them, the second at an odd offset, the first with an immediate behind the displacement.
HERON   HeronRelativeTwice
        xorl    %eax, %eax
        nop
        movl    heron_word(%rip), %ecx
        cmpl    $0x12345678, heron_word(%rip)
        leaq    (%rdi, %rcx), %rax
        ret
HERON_END HeronRelativeTwice

HERON   HeronMarked
        endbr64
        movl    $50, %eax
        addq    %rdi, %rax
        ret
HERON_END HeronMarked

HERON   HeronVector
        movups  heron_vector(%rip), %xmm0
        movq    %xmm0, %rax
        addq    %rdi, %rax
        ret
HERON_END HeronVector

HERON   HeronSevenBytes
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        xorl    %ebx, %ebx
        leaq    (%rdi, %rsi), %rax
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        ret
HERON_END HeronSevenBytes

// Its own return address: that behind the call of the trampoline.
HERON   HeronReturnAddress
        movq    (%rsp), %rax
        nop
        ret
HERON_END HeronReturnAddress

// n!, by calling itself. A jump to the entry is a call of it, not one into it.
HERON   HeronFactorial
        HERON_PUSH %rbx
        movq    %rdi, %rbx
        movl    $1, %eax
        cmpq    $1, %rdi
        jle     1f
        leaq    -1(%rdi), %rdi
        call    HeronFactorial
        imulq   %rbx, %rax
1:      HERON_POP %rbx
        ret
HERON_END HeronFactorial

// Calls a function from behind a stack frame: long f(long (*callback)(long), long argument).
HERON   HeronCallback
        HERON_PUSH %rbx
        subq    $16, %rsp
        .cfi_adjust_cfa_offset 16
        movq    %rdi, %rbx
        movq    %rsi, %rdi
        call    *%rbx
        addq    $1, %rax
        addq    $16, %rsp
        .cfi_adjust_cfa_offset -16
        HERON_POP %rbx
        ret
HERON_END HeronCallback

HERON   HeronTailCall
        movl    $5, %eax
        jmp     *heron_tail(%rip)
HERON_END HeronTailCall

HERON   HeronTail
        leaq    (%rax, %rdi), %rax
        ret
HERON_END HeronTail

HERON   HeronJustFits
        movl    $1, %eax
        ret
HERON_END HeronJustFits

        .irp    skip, 1, 2, 3, 4, 5, 6, 7
HERON_AT 64, \skip, HeronSkewed\skip
        movl    $1000, %eax
        addq    %rdi, %rax
        ret
HERON_END HeronSkewed\skip
        .endr

// ---- What is refused ----

HERON   HeronShortJump
        jmp     1f
        nop
        nop
        nop
1:      movl    $1, %eax
        ret
HERON_END HeronShortJump

HERON   HeronNearJump
        .byte   0xe9, 0, 0, 0, 0
        movl    $1, %eax
        ret
HERON_END HeronNearJump

HERON   HeronIndirectJump
        jmp     *heron_tail(%rip)
HERON_END HeronIndirectJump

HERON   HeronCallFirst
        call    HeronImmediate
        ret
HERON_END HeronCallFirst

HERON   HeronIndirectCall
        nop
        call    *heron_tail(%rip)
        ret
HERON_END HeronIndirectCall

HERON   HeronConditional
        testl   %edi, %edi
        je      1f
        movl    $1, %eax
1:      ret
HERON_END HeronConditional

HERON   HeronLoop
        nop
        nop
1:      loop    1b
        movl    $1, %eax
        ret
HERON_END HeronLoop

HERON   HeronCounterIsZero
        jrcxz   1f
        movl    $1, %eax
1:      ret
HERON_END HeronCounterIsZero

HERON   HeronReturn
        xorl    %eax, %eax
        ret
        nop
        nop
        nop
        nop
HERON_END HeronReturn

HERON   HeronSystemCall
        nop
        nop
        syscall
        movl    $1, %eax
        ret
HERON_END HeronSystemCall

HERON   HeronBreakpoint
        int3
        movl    $1, %eax
        ret
HERON_END HeronBreakpoint

HERON   HeronUndefined
        nop
        ud2
        movl    $1, %eax
        ret
HERON_END HeronUndefined

HERON   HeronTransaction
        nop
        xbegin  1f
1:      movl    $1, %eax
        ret
HERON_END HeronTransaction

HERON   HeronSwitchesSegments
        rdfsbase %rax
        movl    $1, %eax
        ret
HERON_END HeronSwitchesSegments

// Relative to the lower half of the instruction pointer.
HERON   HeronHalfRelative
        addr32 movq heron_word(%eip), %rax
        ret
HERON_END HeronHalfRelative

HERON   HeronJumpsBack
        nop
        nop
1:      addl    $1, %eax
        subl    $1, %edi
        jne     1b
        ret
HERON_END HeronJumpsBack

HERON   HeronCallsBack
        nop
1:      movl    $5, %eax
        testl   %edi, %edi
        jne     2f
        ret
2:      xorl    %edi, %edi
        call    1b
        ret
HERON_END HeronCallsBack

// Only behind the five bytes, but inside what is moved.
HERON   HeronJumpsBackBehind
        nop
        nop
        nop
        nop
        cmpb    $17, heron_byte(%rip)
        nop
        .byte   0xeb, 0xfe - 3
        ret
HERON_END HeronJumpsBackBehind

HERON   HeronRefersBack
        nop
        nop
1:      movl    $1, %eax
        leaq    1b(%rip), %rdx
        ret
HERON_END HeronRefersBack

HERON   HeronTable
        movl    $1, %eax
        leaq    1f(%rip), %rdx
        jmp     *%rdx
1:      ret
HERON_END HeronTable

HERON   HeronMemoryTable
        movl    $1, %eax
        leaq    heron_tail(%rip), %rdx
        jmp     *(%rdx, %rdi, 8)
HERON_END HeronMemoryTable

// The displacement is not the last of the instruction.
        .macro  HERON_REFERS_BACK name, instruction:vararg
HERON   \name
        nop
        nop
1:      movl    $1, %eax
        \instruction
        ret
HERON_END \name
        .endm

        HERON_REFERS_BACK HeronRefersBackByte, cmpb $17, 1b(%rip)
        HERON_REFERS_BACK HeronRefersBackWord, cmpw $4660, 1b(%rip)
        HERON_REFERS_BACK HeronRefersBackLong, cmpl $305419896, 1b(%rip)
        HERON_REFERS_BACK HeronLoopsBack, loop 1b
        HERON_REFERS_BACK HeronJumpsBackIfZero, jrcxz 1b

// As the assembler would not write it, with a distance of four bytes.
HERON   HeronJumpsFarBack
        nop
        nop
        movl    $1, %eax
        .byte   0x0f, 0x84
        .long   2 - 13
        ret
HERON_END HeronJumpsFarBack

HERON   HeronFarTable
        movl    $1, %eax
        leaq    heron_tail(%rip), %rdx
        ljmp    *(%rdx)
HERON_END HeronFarTable

// What is no instruction alone does no harm: beside what is a breakpoint, or the last byte of
// something.
HERON   HeronUndecodable
        movl    $1, %eax
        ret
        .byte   0x06, 0xcc
        ret
HERON_END HeronUndecodable

HERON   HeronCutOff
        movl    $1, %eax
        ret
        .byte   0x48, 0xb8, 1, 0xcc
HERON_END HeronCutOff
        nop
        nop
        nop
        nop
        nop
        nop

HERON   HeronBreakpointLater
        movl    $1, %eax
        jmp     1f
        int3
1:      ret
HERON_END HeronBreakpointLater

HERON   HeronTooShort
        nop
        nop
        nop
        ret
HERON_END HeronTooShort

// Ends inside the instruction that would be moved.
HERON   HeronEndsInside
        nop
        nop
        .byte   0xb8, 1, 0
HERON_END HeronEndsInside

// ---- What looks like that ----

// jmp *%rax among the bytes of a number, a breakpoint, and two bytes that would jump back.
HERON   HeronLookalikes
        movl    $1000, %eax
        movl    $0xccffe0cc, %edx
        movl    $0xf8eb, %edx
        leaq    (%rax, %rdi), %rax
        ret
HERON_END HeronLookalikes

// A 64-bit processor has no such instruction, and the function never comes by it.
HERON   HeronQuietData
        movl    $1000, %eax
        leaq    (%rax, %rdi), %rax
        ret
        .byte   0x06
HERON_END HeronQuietData

// ---- For tests of other things than the code ----

        .irp    number, 1, 2, 3
HERON   HeronPlain\number
        movl    $1, %eax
        leaq    (%rax, %rdi), %rax
        ret
HERON_END HeronPlain\number
        .endr

        .section .data.rel.local, "aw", @progbits
        .balign 16
heron_vector:
        .quad   31, 32
        .globl  heron_word
heron_word:
        .quad   4711
heron_tail:
        .quad   HeronTail
heron_byte:
        .byte   17

        .section .note.GNU-stack, "", @progbits
