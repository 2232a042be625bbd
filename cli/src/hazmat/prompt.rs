//! A question on a terminal whose answer is not shown.
//!
//! The terminal gets its echo back on every way out: the signals that would end us are held back
//! while it is off, and raised again once it is on.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use proto::hazmat::SecretBytes;

use super::input::{InputError, one_line};

/// The controlling terminal, if there is one.
pub(crate) fn terminal() -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).write(true).custom_flags(nix::libc::O_NOCTTY).open("/dev/tty").ok()
}

/// Asks on `shown` and reads one line from `typed`, which is a terminal.
///
/// Line mode keeps at most 4095 bytes of a line: a longer value needs a pipe or a file.
pub(crate) fn ask(
    shown: &mut impl Write,
    typed: &impl AsFd,
    prompt: &str,
) -> Result<SecretBytes, InputError> {
    let held = Held::back().map_err(|error| InputError::Io(error.into()))?;
    let answer = {
        let _quiet = Quiet::on(typed).map_err(|error| InputError::Io(error.into()))?;
        let asked = write!(shown, "{prompt}").and_then(|()| shown.flush());
        let answer = asked.map_err(InputError::Io).and_then(|()| held.wait(typed));
        let _ = writeln!(shown);
        answer
    };
    drop(held);
    match answer? {
        Heard::Line(line) => line,
        Heard::Signal(signal) => {
            // Ends us, unless whoever started us wants this signal ignored.
            let _ = raise(signal);
            Err(InputError::Io(std::io::ErrorKind::Interrupted.into()))
        }
    }
}

enum Heard {
    Line(Result<SecretBytes, InputError>),
    Signal(Signal),
}

/// Signals held back, and where they show instead.
struct Held {
    before: SigSet,
    signals: SignalFd,
}

impl Held {
    fn back() -> nix::Result<Self> {
        let ending = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
        let mut all: SigSet = ending.into_iter().collect();
        let signals = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        // Stopping us waits until the answer is there.
        all.add(Signal::SIGTSTP);
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&all), Some(&mut before))?;
        Ok(Self { before, signals })
    }

    fn wait(&self, typed: &impl AsFd) -> Result<Heard, InputError> {
        loop {
            let mut both = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(typed.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut both, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(InputError::Io(error.into())),
            }
            if let Ok(Some(caught)) = self.signals.read_signal() {
                let number = i32::try_from(caught.ssi_signo).unwrap_or_default();
                return Ok(Heard::Signal(Signal::try_from(number).unwrap_or(Signal::SIGTERM)));
            }
            let [_, typed_on] = &both;
            if typed_on.any() == Some(true) {
                return Ok(Heard::Line(one_line(typed)));
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}

/// A terminal with its echo off, for as long as this lives.
struct Quiet<'a, T: AsFd> {
    terminal: &'a T,
    before: Termios,
}

impl<'a, T: AsFd> Quiet<'a, T> {
    fn on(terminal: &'a T) -> nix::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO | LocalFlags::ECHONL);
        silent.local_flags.insert(LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl<T: AsFd> Drop for Quiet<'_, T> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}
