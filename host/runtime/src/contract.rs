//! Which imports and exports make a component an adapter of this host.

use std::fmt;

use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use crate::error::LoadError;

/// The version of `wit/` that this host was built with.
pub const CONTRACT_VERSION: &str = "1.0.0";

const PACKAGE: &str = "switchyard:adapter";
const HOST_MAJOR: u64 = 1;
const HOST_MINOR: u64 = 0;

/// Interfaces of the contract that a component may import.
const OFFERED_IMPORTS: [&str; 4] = ["types", "signer", "catalogue", "log"];

/// WASI 0.2 packages that exist in the sandbox, all of them empty: no files, environment or sockets.
const SANDBOXED_WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// A part of the contract that an adapter may export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// `descriptor`: what the adapter is. Every adapter has it.
    Descriptor,
    /// `market`: instruments, prices, time.
    Market,
    /// `trading`: orders.
    Trading,
    /// `account`: balances and positions.
    Account,
}

impl Capability {
    const ALL: [Self; 4] = [Self::Descriptor, Self::Market, Self::Trading, Self::Account];

    /// The interface's name in `wit/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Descriptor => "descriptor",
            Self::Market => "market",
            Self::Trading => "trading",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a component imports and exports, and which capabilities follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    /// Full names of all imports, in the component's order.
    pub imports: Vec<String>,
    /// Full names of all exports, in the component's order.
    pub exports: Vec<String>,
    /// Contract interfaces among the exports.
    pub capabilities: Vec<Capability>,
    /// Whether any import is WASI.
    pub imports_wasi: bool,
}

/// An interface name such as `switchyard:adapter/market@1.0.0`, taken apart.
struct InterfaceName<'a> {
    package: &'a str,
    interface: &'a str,
    version: Option<&'a str>,
}

impl<'a> InterfaceName<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (name, version) = match name.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (name, None),
        };
        let (package, interface) = name.split_once('/')?;
        Some(Self {
            package,
            interface,
            version,
        })
    }

    fn major_minor(&self) -> Option<(u64, u64)> {
        let mut parts = self.version?.split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// Reads a component's imports and exports and refuses what the host does not speak.
///
/// # Errors
/// [`LoadError::ForbiddenImport`], [`LoadError::WrongMajor`], [`LoadError::NewerMinor`] or
/// [`LoadError::NoDescriptor`].
pub fn inspect_surface(engine: &Engine, component: &Component) -> Result<Surface, LoadError> {
    let ty = component.component_type();
    let mut imports_wasi = false;
    let mut imports = Vec::new();
    for (name, item) in ty.imports(engine) {
        imports_wasi |= check_import(name, &item.ty)?;
        imports.push(name.to_owned());
    }
    let exports: Vec<String> = ty
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut capabilities = Vec::new();
    for export in &exports {
        let Some(name) = InterfaceName::parse(export).filter(|name| name.package == PACKAGE) else {
            continue; // an extra export is the author's business
        };
        check_major(&name)?;
        capabilities.extend(Capability::ALL.iter().find(|c| c.name() == name.interface));
    }
    if !capabilities.contains(&Capability::Descriptor) {
        return Err(LoadError::NoDescriptor {
            ours: CONTRACT_VERSION,
        });
    }
    capabilities.sort_unstable();
    Ok(Surface {
        imports,
        exports,
        capabilities,
        imports_wasi,
    })
}

/// Returns whether the import is WASI.
fn check_import(name: &str, item: &ComponentItem) -> Result<bool, LoadError> {
    let forbidden = || LoadError::ForbiddenImport {
        import: name.to_owned(),
        ours: CONTRACT_VERSION,
    };
    let parsed = InterfaceName::parse(name).ok_or_else(forbidden)?;
    if !matches!(item, ComponentItem::ComponentInstance(_)) {
        return Err(forbidden());
    }
    if let Some(wasi) = parsed.package.strip_prefix("wasi:") {
        let is_preview_2 = parsed.major_minor() == Some((0, 2));
        return if is_preview_2 && SANDBOXED_WASI.contains(&wasi) {
            Ok(true)
        } else {
            Err(forbidden())
        };
    }
    if parsed.package != PACKAGE || !OFFERED_IMPORTS.contains(&parsed.interface) {
        return Err(forbidden());
    }
    check_major(&parsed)?;
    match parsed.major_minor() {
        Some((_, minor)) if minor > HOST_MINOR => Err(LoadError::NewerMinor {
            interface: format!("{PACKAGE}/{}", parsed.interface),
            theirs: parsed.version.unwrap_or_default().to_owned(),
            ours: CONTRACT_VERSION,
        }),
        _ => Ok(false),
    }
}

fn check_major(name: &InterfaceName<'_>) -> Result<(), LoadError> {
    match name.major_minor() {
        Some((HOST_MAJOR, _)) => Ok(()),
        _ => Err(LoadError::WrongMajor {
            interface: format!("{}/{}", name.package, name.interface),
            theirs: name.version.unwrap_or("without a version").to_owned(),
            ours: CONTRACT_VERSION,
        }),
    }
}
