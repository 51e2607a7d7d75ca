//! Memory that is given back once there is nothing to do.
//!
//! Starting, and every burst of work, touches much that nobody needs afterwards: the program's text for it, which stays
//! mapped, and free pages of the allocator between those that are in use. When work comes to rest, both go back to the
//! system. What is needed again is mapped again from the page cache.

use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use program::mapped_text;

mod program;

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Whoever used more of the processors since the last look has worked: a fiftieth of one.
const WORK_MIN: Duration = Duration::from_millis(100);

/// The allocator keeps an arena for each thread that finds the others busy, up to eight for each processor, and each
/// arena keeps what was free in it. Two are enough for the whole process.
const ARENAS_MAX: i32 = 2;

/// Bounds what the allocator may keep. To be called before there are threads.
#[allow(unsafe_code, reason = "the allocator is told by a call of the C library")]
pub(crate) fn bound_allocator() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no thread but this one exists, and the call only sets a number.
    let is_set = unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS_MAX) };
    #[cfg(not(target_env = "gnu"))]
    let is_set = 1;
    debug_assert_eq!(is_set, 1, "the allocator takes any number of arenas");
}

/// Gives memory back whenever work has come to rest, until `shutdown`.
pub(crate) async fn give_back_after_work(shutdown: CancellationToken) {
    let mut looks = tokio::time::interval_at(Instant::now() + LOOK_EVERY, LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pace = Pace::started(processor_time());
    while shutdown.run_until_cancelled(looks.tick()).await.is_some() {
        if !pace.comes_to_rest(processor_time()) {
            continue;
        }
        match tokio::task::spawn_blocking(give_back).await {
            Ok(Ok(bytes)) => debug!(text_bytes = bytes, "at rest: memory was given back"),
            Ok(Err(error)) => warn!(%error, "failed to give memory back"),
            Err(error) => warn!(%error, "giving memory back was stopped"),
        }
    }
}

/// What all threads of the process have used.
fn processor_time() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or_default())
}

/// Finds the moments at which work ends.
#[derive(Debug)]
struct Pace {
    used: Duration,
    has_worked: bool,
}

impl Pace {
    /// After the start, which was work however little it took.
    fn started(used: Duration) -> Pace {
        Pace { used, has_worked: true }
    }

    /// Whether there was work before the last look and none since. `used` is what was used in all.
    fn comes_to_rest(&mut self, used: Duration) -> bool {
        let works = used.saturating_sub(self.used) > WORK_MIN;
        self.used = used;
        let rests = self.has_worked && !works;
        self.has_worked = works;
        rests
    }
}

/// How much text is not mapped any more.
#[allow(unsafe_code, reason = "memory is given back by calls of the C library and the kernel")]
fn give_back() -> io::Result<usize> {
    #[cfg(target_env = "gnu")]
    // SAFETY: the allocator's own function, which any thread may call at any time.
    unsafe {
        libc::malloc_trim(0);
    }
    let mut bytes = 0;
    for text in mapped_text()? {
        // SAFETY: the pages are those of the program's file, which nothing can write: what is touched again is read
        // from there again.
        unsafe {
            rustix::mm::madvise(text.start as *mut _, text.len(), rustix::mm::Advice::LinuxDontNeed)?;
        }
        bytes += text.len();
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_when_work_ends() {
        let mut pace = Pace::started(Duration::from_millis(90));
        assert!(pace.comes_to_rest(Duration::from_millis(95)), "the start was work");
        let used = [1000, 2000, 2001, 2002, 2500, 2550, 2600].map(Duration::from_millis);
        assert_eq!(
            used.map(|used| pace.comes_to_rest(used)),
            [false, false, true, false, false, true, false]
        );
    }

    #[test]
    fn what_is_given_back_is_there_when_it_is_needed() {
        assert!(give_back().unwrap() > 0);
        assert_eq!(format!("{}", 6 * 7), "42");
    }
}
