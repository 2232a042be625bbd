//! The scan itself, as the program `memory-scan` does it. It traces, so it must be a process of its
//! own: stops of what it traces would reach whoever waits for a child in the same process.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};

use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::index::Index;
use super::memory;
use super::regset::{self, Registers};
use super::report::{Find, Report};
use super::threads::Stopped;

/// The smallest slots that locked memory is divided into.
const SLOT: usize = 256;

#[cfg(target_arch = "x86_64")]
const GENERAL: &[&str] =
    &["r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi"];
#[cfg(not(target_arch = "x86_64"))]
const GENERAL: &[&str] = &[];

/// Stops one process after the other, looks through it, and lets it go on.
///
/// # Errors
/// One is gone, or may not be looked into.
pub fn live(pids: &[i32], values: &[Vec<u8>]) -> io::Result<Vec<Report>> {
    let index = Index::of(values);
    let each = pids.iter().map(|pid| {
        let stopped = Stopped::all_of(*pid)?;
        look(*pid, &stopped.threads, &index)
    });
    each.collect()
}

/// Looks for what lies in each process's own locked memory: keys, and values on their way. Nobody
/// needs to know them for that; and they must be nowhere else.
///
/// # Errors
/// As [`live`].
pub fn locked(pids: &[i32]) -> io::Result<Vec<Report>> {
    let each = pids.iter().map(|pid| {
        let stopped = Stopped::all_of(*pid)?;
        let memory = File::open(format!("/proc/{pid}/mem"))?;
        let mut held = Vec::new();
        for mapping in memory::mappings(*pid)?.iter().filter(|mapping| mapping.is_locked()) {
            held.extend(slots(&memory::read(&memory, mapping).0));
        }
        let report = look(*pid, &stopped.threads, &Index::of_keys(&held))?;
        Ok(Report { held: held.len() as u64, ..report })
    });
    each.collect()
}

/// What is in the slots of locked memory, and is no chance: 16 bytes or more, of many kinds.
fn slots(bytes: &[u8]) -> Vec<Vec<u8>> {
    let used = bytes.chunks(SLOT).filter_map(|slot| {
        let end = slot.iter().rposition(|byte| *byte != 0)? + 1;
        let kinds: BTreeSet<u8> = slot.iter().copied().collect();
        (end >= 16 && kinds.len() > 12).then(|| slot.get(..end).map(<[u8]>::to_vec))?
    });
    used.collect()
}

/// Follows the process and those it starts, and looks through each at its end, when it has done all
/// that it will do and its memory is still there: one report an ending thread.
///
/// # Errors
/// As [`live`].
pub fn at_exit(pid: i32, values: &[Vec<u8>]) -> io::Result<Vec<Report>> {
    let index = Index::of(values);
    let options = Options::PTRACE_O_TRACEEXIT
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE;
    ptrace::seize(Pid::from_raw(pid), options)?;
    writeln!(io::stdout(), "watching")?;
    let mut reports = Vec::new();
    loop {
        let (thread, signal) = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Err(nix::errno::Errno::ECHILD) => return Ok(reports),
            Err(error) => return Err(error.into()),
            Ok(WaitStatus::PtraceEvent(thread, _, event)) => {
                if event == nix::libc::PTRACE_EVENT_EXIT {
                    reports.push(look(process_of(thread)?, &[thread], &index)?);
                }
                (thread, None)
            }
            Ok(WaitStatus::Stopped(thread, signal)) => (thread, Some(signal)),
            Ok(_) => continue,
        };
        // One that was killed meanwhile needs no word from us.
        let _ = ptrace::cont(thread, signal);
    }
}

fn look(pid: i32, threads: &[Pid], index: &Index) -> io::Result<Report> {
    let mut report = Report { process: name_of(pid), threads: threads.len() as u64, ..Report::default() };
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    for mapping in memory::mappings(pid)? {
        let (bytes, denied) = memory::read(&memory, &mapping);
        report.bytes += bytes.len() as u64 - denied;
        if denied > 0 {
            report.denied.push((mapping.name.clone(), denied));
        }
        let locked = mapping.is_locked();
        if locked {
            report.locked += bytes.len() as u64;
            report.swapped += mapping.swapped;
        }
        if mapping.is_half_locked() {
            report.half_locked.push(format!("{:?} has {}", mapping.name, mapping.flags()));
        }
        finds(index, &bytes, &mut report, locked, |at| {
            let name = if mapping.name.is_empty() { "an anonymous mapping" } else { &mapping.name };
            format!("{name} {}, byte {at:#x} of {:#x}", mapping.permissions, mapping.end - mapping.start)
        });
    }
    for thread in threads {
        let general = regset::of(*thread, Registers::General)?;
        finds(index, &general, &mut report, false, |at| {
            let name = GENERAL.get(at / 8).unwrap_or(&"another");
            format!("register {name} of thread {thread}")
        });
        let vector = regset::of(*thread, Registers::Vector)?;
        finds(index, &vector, &mut report, false, |at| {
            format!("vector registers of thread {thread}, byte {at} of {}", vector.len())
        });
    }
    Ok(report)
}

fn finds(index: &Index, bytes: &[u8], report: &mut Report, locked: bool, place: impl Fn(usize) -> String) {
    for hit in index.search(bytes) {
        let Some(pattern) = index.pattern(hit.pattern) else { continue };
        report.finds.push(Find {
            value: pattern.value,
            disguise: pattern.disguise.to_owned(),
            length: hit.length,
            whole: pattern.bytes.len(),
            place: place(hit.start),
            locked,
        });
    }
}

fn process_of(thread: Pid) -> io::Result<i32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.and_then(|number| number.trim().parse().ok()).ok_or_else(|| io::Error::other("no Tgid"))
}

fn name_of(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}
