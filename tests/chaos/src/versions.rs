//! Versions of a real adapter: good ones, which differ in bytes that mean nothing, and broken ones.

use std::fs;
use std::ops::Range;

use ring::digest::{SHA256, digest};
use switchyard_end_to_end::adapters;
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// How a version is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakage {
    /// Its second half did not arrive.
    Truncated,
    /// It implements another major version of the contract.
    WrongMajor,
    /// Reading a ticker traps.
    TrapsInReads,
    /// Reading a placed order's answer traps.
    TrapsInOrders,
    /// Reading a ticker never ends.
    Loops,
    /// It is another venue's adapter.
    AnothersFile,
    /// It imports what no adapter is given.
    ExtraImport,
    /// It is a module, and no component.
    CoreModule,
    /// It is no WebAssembly.
    Garbage,
    /// It sends its venue something else.
    DoesOtherwise,
}

impl Breakage {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Truncated,
        Self::WrongMajor,
        Self::TrapsInReads,
        Self::TrapsInOrders,
        Self::Loops,
        Self::AnothersFile,
        Self::ExtraImport,
        Self::CoreModule,
        Self::Garbage,
        Self::DoesOtherwise,
    ];

    /// What the reason for which it is refused says, one or the other.
    pub fn reasons(self) -> &'static [&'static str] {
        match self {
            Self::Truncated => &["not a WebAssembly component"],
            Self::WrongMajor => &["9.0.0"],
            // In shadow, or when it is given a read.
            Self::TrapsInReads | Self::TrapsInOrders | Self::Loops => {
                &["did not complete", "reads"]
            }
            Self::AnothersFile => &["another's file"],
            Self::ExtraImport => &["unheard-of"],
            Self::CoreModule | Self::Garbage => &["component"],
            Self::DoesOtherwise => &["otherwise"],
        }
    }
}

/// The name of the plugin that the versions are of: the stem of its file.
pub const PLUGIN: &str = "binance";

/// Every version there may be; each is another one.
#[derive(Debug)]
pub struct Versions {
    built: Vec<u8>,
    another: Vec<u8>,
}

/// A component, and whether it is fit to serve.
#[derive(Debug, Clone)]
pub struct Version {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// What is wrong with it, if anything.
    pub breakage: Option<Breakage>,
}

impl Versions {
    /// Of the adapter as it was built.
    pub fn of_the_built_adapter() -> Self {
        let read = |name: &str| fs::read(adapters().join(format!("{name}.wasm"))).unwrap();
        Self {
            built: read(PLUGIN),
            another: read("bitmex"),
        }
    }

    /// The adapter as it was built.
    pub fn built(&self) -> Version {
        Version::new(self.built.clone(), None)
    }

    /// A version that does everything as the one that was built.
    pub fn good(&self, number: u32) -> Version {
        Version::new(numbered(self.built.clone(), number), None)
    }

    /// A version that must never serve.
    pub fn broken(&self, breakage: Breakage, number: u32) -> Version {
        let whole = || self.built.clone();
        let bytes = match breakage {
            Breakage::Truncated => {
                let mut bytes = whole();
                bytes.truncate(bytes.len() / 2 + number as usize);
                bytes
            }
            Breakage::WrongMajor => numbered(replaced(whole(), "@1.0.0", "@9.0.0"), number),
            Breakage::TrapsInReads => numbered(
                self.spoiled("market", "decode-get-ticker", &UNREACHABLE),
                number,
            ),
            Breakage::TrapsInOrders => numbered(
                self.spoiled("trading", "decode-place", &UNREACHABLE),
                number,
            ),
            Breakage::Loops => numbered(
                self.spoiled("market", "decode-get-ticker", &FOREVER),
                number,
            ),
            Breakage::AnothersFile => numbered(self.another.clone(), number),
            Breakage::ExtraImport => {
                let mut bytes = whole();
                bytes.extend(IMPORT_OF_A_RESOURCE);
                numbered(bytes, number)
            }
            Breakage::CoreModule => numbered(b"\0asm\x01\0\0\0".to_vec(), number),
            Breakage::Garbage => format!("#!/bin/sh\nexit {number}\n").into_bytes(),
            Breakage::DoesOtherwise => {
                numbered(replaced(whole(), "recvWindow", "recvwindow"), number)
            }
        };
        Version::new(bytes, Some(breakage))
    }

    /// The adapter with these instructions in place of a function's own.
    fn spoiled(&self, interface: &str, function: &str, instructions: &[u8]) -> Vec<u8> {
        let name = format!("switchyard:adapter/{interface}@1.0.0#{function}");
        let body = body_of(&self.built, &name);
        let mut bytes = self.built.clone();
        let (last, inside) = bytes[body].split_last_mut().unwrap();
        assert_eq!(*last, END);
        inside.fill(NOP);
        inside[..instructions.len()].copy_from_slice(instructions);
        bytes
    }
}

impl Version {
    fn new(bytes: Vec<u8>, breakage: Option<Breakage>) -> Self {
        let hash = digest(&SHA256, &bytes);
        let hexadecimal = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
        Self {
            sha256: hexadecimal.collect(),
            bytes,
            breakage,
        }
    }
}

const NOP: u8 = 0x01;
const END: u8 = 0x0b;
const UNREACHABLE: [u8; 1] = [0x00];
/// `loop br 0 end unreachable`
const FOREVER: [u8; 6] = [0x03, 0x40, 0x0c, 0x00, END, 0x00];

/// A section of a component: `(import "unheard-of" (type (sub resource)))`.
const IMPORT_OF_A_RESOURCE: [u8; 17] = *b"\x0a\x0f\x01\x00\x0aunheard-of\x03\x01";

/// The same with a custom section, which means nothing.
fn numbered(mut bytes: Vec<u8>, number: u32) -> Vec<u8> {
    bytes.extend([0, 6, 1, b'n']);
    bytes.extend(number.to_le_bytes());
    bytes
}

fn replaced(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let found = bytes.windows(from.len()).enumerate();
    let found = found.filter(|(_, window)| *window == from.as_bytes());
    let found: Vec<usize> = found.map(|(at, _)| at).collect();
    assert!(!found.is_empty(), "{from}");
    for at in found {
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

/// Where the instructions are of the function that a component's module exports under this name.
fn body_of(component: &[u8], name: &str) -> Range<usize> {
    let (mut imported, mut wanted, mut defined) = (0, None, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload.unwrap() {
            // The functions of each module are counted from its start.
            Payload::ModuleSection { .. } => (imported, wanted, defined) = (0, None, 0),
            Payload::ImportSection(imports) => {
                let functions = imports.into_imports();
                imported = functions
                    .filter(|import| matches!(import.as_ref().unwrap().ty, TypeRef::Func(_)))
                    .count();
            }
            Payload::ExportSection(exports) => {
                let export = exports.into_iter().map(Result::unwrap);
                let mut functions = export.filter(|export| export.kind == ExternalKind::Func);
                let found = functions.find(|export| export.name == name);
                wanted = found.map(|export| export.index as usize);
            }
            Payload::CodeSectionEntry(body) => {
                if wanted == Some(imported + defined) {
                    let instructions = body.get_operators_reader().unwrap();
                    return instructions.original_position()..body.range().end;
                }
                defined += 1;
            }
            _ => {}
        }
    }
    panic!("no module exports {name}");
}
