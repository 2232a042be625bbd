//! Calls that no process of the broker makes: whoever makes one has taken it over, and it ends.

use nix::libc::{
    SYS_add_key, SYS_bpf, SYS_chroot, SYS_delete_module, SYS_execve, SYS_execveat, SYS_finit_module,
    SYS_fsconfig, SYS_fsmount, SYS_fsopen, SYS_fspick, SYS_init_module, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_io_uring_setup, SYS_kcmp, SYS_kexec_file_load, SYS_kexec_load, SYS_keyctl,
    SYS_mount, SYS_mount_setattr, SYS_move_mount, SYS_open_by_handle_at, SYS_open_tree, SYS_perf_event_open,
    SYS_pidfd_getfd, SYS_pivot_root, SYS_process_madvise, SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_ptrace, SYS_reboot, SYS_request_key, SYS_setns, SYS_swapoff, SYS_swapon, SYS_umount2,
    SYS_userfaultfd,
};

use super::Row;

const PEEK: &str = "reads or changes another process";
const MOUNT: &str = "changes what files there are";
const KERNEL: &str = "loads code into the kernel, or ends it";
const RING: &str = "makes system calls that no filter sees";
const KEYS: &str = "reaches keys of other programs";

/// By any process of the broker, the launcher included.
pub const ALWAYS: &[Row] = &[
    Row::any(SYS_ptrace, PEEK),
    Row::any(SYS_process_vm_readv, PEEK),
    Row::any(SYS_process_vm_writev, PEEK),
    Row::any(SYS_process_madvise, PEEK),
    Row::any(SYS_pidfd_getfd, PEEK),
    Row::any(SYS_kcmp, PEEK),
    Row::any(SYS_perf_event_open, PEEK),
    Row::any(SYS_userfaultfd, "holds a kernel's copy at a place of one's choice"),
    Row::any(SYS_io_uring_setup, RING),
    Row::any(SYS_io_uring_enter, RING),
    Row::any(SYS_io_uring_register, RING),
    Row::any(SYS_bpf, KERNEL),
    Row::any(SYS_init_module, KERNEL),
    Row::any(SYS_finit_module, KERNEL),
    Row::any(SYS_delete_module, KERNEL),
    Row::any(SYS_kexec_load, KERNEL),
    Row::any(SYS_kexec_file_load, KERNEL),
    Row::any(SYS_reboot, KERNEL),
    Row::any(SYS_swapon, KERNEL),
    Row::any(SYS_swapoff, KERNEL),
    Row::any(SYS_mount, MOUNT),
    Row::any(SYS_umount2, MOUNT),
    Row::any(SYS_mount_setattr, MOUNT),
    Row::any(SYS_move_mount, MOUNT),
    Row::any(SYS_open_tree, MOUNT),
    Row::any(SYS_fsopen, MOUNT),
    Row::any(SYS_fsconfig, MOUNT),
    Row::any(SYS_fsmount, MOUNT),
    Row::any(SYS_fspick, MOUNT),
    Row::any(SYS_pivot_root, MOUNT),
    Row::any(SYS_chroot, MOUNT),
    Row::any(SYS_setns, "leaves the namespaces it was put in"),
    Row::any(SYS_open_by_handle_at, "opens files past their directories"),
    Row::any(SYS_keyctl, KEYS),
    Row::any(SYS_add_key, KEYS),
    Row::any(SYS_request_key, KEYS),
];

/// By a daemon, once it is confined. The launcher starts daemons and so executes.
pub const IN_DAEMONS: &[Row] =
    &[Row::any(SYS_execve, "runs another program"), Row::any(SYS_execveat, "runs another program")];
