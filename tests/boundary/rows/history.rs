//! What traces say: which program made which system calls, with which arguments, and how many filters
//! held it then.

use std::collections::BTreeMap;

use nix::libc;

use super::lines::{Line, Said};

/// One system call that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) nr: i64,
    /// None where the trace shows them in words.
    pub(super) args: Option<[u64; 6]>,
}

/// A program, and how many filters it has put on itself; how many it has from those who started it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stage {
    pub(super) program: String,
    pub(super) own: usize,
    pub(super) inherited: usize,
}

/// Calls that were made, with the number of times and of refusals (EPERM), by program and stage.
pub(super) type Calls = BTreeMap<Stage, BTreeMap<Call, Count>>;

/// How often, and how often with EPERM.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) made: u32,
    pub(super) refused: u32,
}

/// Whether every process and thread that was seen has ended.
pub(super) fn is_over(lines: &[Line]) -> bool {
    let ended: BTreeMap<u32, bool> =
        lines.iter().map(|line| (line.pid, matches!(line.said, Said::Ended))).collect();
    !ended.is_empty() && ended.values().all(|ended| *ended)
}

/// Adds what a whole trace shows.
pub(super) fn add(calls: &mut Calls, lines: &[Line]) {
    let makers = makers(lines);
    let mut stages: BTreeMap<u32, Stage> = BTreeMap::new();
    let mut waiting: BTreeMap<u32, (Stage, Call, Option<&String>)> = BTreeMap::new();
    for line in lines {
        let process = process_of(line.pid, &makers);
        if !stages.contains_key(&process) {
            let parent = makers.get(&process).map(|maker| process_of(maker.pid, &makers));
            let inherited = parent.and_then(|parent| stages.get(&parent)).cloned();
            stages.insert(process, inherited.unwrap_or_default());
        }
        let now = stages.get_mut(&process).unwrap();
        if let Said::Called { call, .. } = &line.said {
            waiting.insert(line.pid, (now.clone(), *call, line.program.as_ref()));
        }
        let Some(returned) = line.said.returned() else { continue };
        let Some((stage, call, program)) = waiting.remove(&line.pid) else { continue };
        // A thread that is killed as it calls shows as calling anything.
        if returned.starts_with('?') && !call.ends() {
            continue;
        }
        let count = calls.entry(stage).or_default().entry(call).or_default();
        count.made += 1;
        count.refused += u32::from(returned.contains("EPERM"));
        if !returned.starts_with('0') {
            continue;
        }
        match program {
            Some(program) => {
                *now = Stage { program: program.clone(), own: 0, inherited: now.own + now.inherited };
            }
            None if call.installs_a_filter() => now.own += 1,
            None => {}
        }
    }
}

impl Call {
    fn installs_a_filter(&self) -> bool {
        let mode = u64::from(libc::SECCOMP_SET_MODE_FILTER);
        self.nr == libc::SYS_seccomp && self.args.is_some_and(|args| args[0] == mode && args[2] != 0)
    }

    fn ends(&self) -> bool {
        [libc::SYS_exit, libc::SYS_exit_group].contains(&self.nr)
    }

    fn makes_a_task(&self) -> bool {
        [libc::SYS_clone, libc::SYS_clone3].contains(&self.nr)
    }

    /// clone3(2) is shown in words, and the line knows.
    fn makes_a_thread(&self) -> bool {
        let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
        self.nr == libc::SYS_clone && self.args.is_some_and(|args| args[0] & thread != 0)
    }
}

/// Who made a process or thread.
#[derive(Clone, Copy)]
struct Maker {
    pid: u32,
    made: Made,
}

#[derive(Clone, Copy)]
enum Made {
    Process,
    Thread,
}

fn makers(lines: &[Line]) -> BTreeMap<u32, Maker> {
    let mut makers = BTreeMap::new();
    let mut making: BTreeMap<u32, Made> = BTreeMap::new();
    for line in lines {
        if let Said::Called { call, .. } = &line.said
            && call.makes_a_task()
        {
            let is_thread = line.makes_thread || call.makes_a_thread();
            making.insert(line.pid, if is_thread { Made::Thread } else { Made::Process });
        }
        let Some(returned) = line.said.returned() else { continue };
        let Some(made) = making.remove(&line.pid) else { continue };
        if let Some(child) = number(returned) {
            makers.insert(child, Maker { pid: line.pid, made });
        }
    }
    makers
}

fn number(returned: &str) -> Option<u32> {
    let first = returned.split(' ').next()?;
    match first.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => first.parse().ok(),
    }
}

fn process_of(pid: u32, makers: &BTreeMap<u32, Maker>) -> u32 {
    match makers.get(&pid) {
        Some(Maker { pid: maker, made: Made::Thread }) => process_of(*maker, makers),
        Some(Maker { made: Made::Process, .. }) | None => pid,
    }
}
