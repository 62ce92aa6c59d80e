//! What a process holds of the system, read from `/proc`.

use std::collections::HashSet;
use std::fs;

/// A moment's holdings of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Open sockets of any kind.
    pub sockets: usize,
    /// Connections to one port.
    pub connections: usize,
    /// Open files of any kind, sockets among them.
    pub files: usize,
    /// Threads.
    pub threads: u64,
    /// Memory in use, in KiB.
    pub resident_kib: u64,
    /// The most memory that was ever in use, in KiB.
    pub peak_kib: u64,
}

impl Usage {
    /// What a process holds now; its connections are counted to ports of others.
    ///
    /// # Panics
    /// Where there is no such process.
    pub fn of(process: u32, ports: &[u16]) -> Self {
        let sockets = sockets(process);
        // Of IPv4; nobody listens on anything else here.
        let table = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
        let connections = table.lines().skip(1).filter(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let remote = fields.get(2).and_then(|address| address.rsplit(':').next());
            let port = remote.and_then(|port| u16::from_str_radix(port, 16).ok());
            let inode = fields.get(9).copied().unwrap_or_default();
            port.is_some_and(|port| ports.contains(&port)) && sockets.contains(inode)
        });
        let connections = connections.count();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.and_then(|number| number.parse().ok()).unwrap()
        };
        Self {
            sockets: sockets.len(),
            files: fs::read_dir(format!("/proc/{process}/fd")).unwrap().count(),
            threads: number("Threads:"),
            connections,
            resident_kib: number("VmRSS:"),
            peak_kib: number("VmHWM:"),
        }
    }
}

/// The inodes of a process's sockets.
fn sockets(process: u32) -> HashSet<String> {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let open = descriptors.filter_map(|descriptor| {
        // One may be closed meanwhile.
        let target = fs::read_link(descriptor.ok()?.path()).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']');
        inode.map(str::to_owned)
    });
    open.collect()
}
