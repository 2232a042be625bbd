//! Claims about backups and restores, on directories of their own.
