//! The process that holds the namespaces of a pod: it reaps what is orphaned there and ends on SIGTERM or SIGINT.
//!
//! It stands alone, without a standard library, so that the image of it is one file of a few kilobytes.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

const SIGINT: usize = 2;
const SIGTERM: usize = 15;
const SIGCHLD: usize = 17;
const WAITED_FOR: u64 = 1 << (SIGINT - 1) | 1 << (SIGTERM - 1) | 1 << (SIGCHLD - 1);
const SIGNAL_SET_BYTES: usize = 8;
const SIG_BLOCK: usize = 0;
const WNOHANG: usize = 1;
const ANY_CHILD: usize = usize::MAX;

#[cfg(target_arch = "x86_64")]
mod call {
    pub const SIGNAL_MASK: usize = 14;
    pub const WAIT_FOR_SIGNAL: usize = 128;
    pub const WAIT_FOR_CHILD: usize = 61;
    pub const EXIT: usize = 231;
}

#[cfg(target_arch = "aarch64")]
mod call {
    pub const SIGNAL_MASK: usize = 135;
    pub const WAIT_FOR_SIGNAL: usize = 137;
    pub const WAIT_FOR_CHILD: usize = 260;
    pub const EXIT: usize = 94;
}

// The kernel enters here with an aligned stack and no return address; a call makes the frame that Rust expects.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "and rsp, -16", "call {main}", "ud2", main = sym main);

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "bl {main}", "brk #1", main = sym main);

extern "C" fn main() -> ! {
    let signals = &raw const WAITED_FOR_SIGNALS as usize;
    // SAFETY: the mask is a static of the size that is named; the other arguments are numbers or null.
    unsafe {
        // Blocked signals are kept for the first process of a namespace even where their default is to be ignored.
        system_call(call::SIGNAL_MASK, [SIG_BLOCK, signals, 0, SIGNAL_SET_BYTES]);
        loop {
            match system_call(call::WAIT_FOR_SIGNAL, [signals, 0, 0, SIGNAL_SET_BYTES]) as usize {
                SIGINT | SIGTERM => exit(0),
                SIGCHLD => while system_call(call::WAIT_FOR_CHILD, [ANY_CHILD, 0, WNOHANG, 0]) > 0 {},
                _ => {}
            }
        }
    }
}

static WAITED_FOR_SIGNALS: u64 = WAITED_FOR;

fn exit(code: usize) -> ! {
    // SAFETY: the call takes a number and does not return.
    unsafe { system_call(call::EXIT, [code, 0, 0, 0]) };
    loop {}
}

/// # Safety
/// The arguments must be what the kernel expects of this call.
#[cfg(target_arch = "x86_64")]
unsafe fn system_call(number: usize, arguments: [usize; 4]) -> isize {
    let result;
    // SAFETY: the caller answers for the arguments; the kernel clobbers rcx and r11 only.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") arguments[0], in("rsi") arguments[1], in("rdx") arguments[2], in("r10") arguments[3],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// # Safety
/// The arguments must be what the kernel expects of this call.
#[cfg(target_arch = "aarch64")]
unsafe fn system_call(number: usize, arguments: [usize; 4]) -> isize {
    let result;
    // SAFETY: the caller answers for the arguments.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") arguments[0] as isize => result,
            in("x1") arguments[1], in("x2") arguments[2], in("x3") arguments[3], options(nostack));
    }
    result
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(1)
}
