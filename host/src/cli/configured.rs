//! The options that say which configuration a command works with.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Config, ConfigError, Layers, Stage, variables};

/// Which configuration.
#[derive(Debug, Clone, Args)]
pub(super) struct Configured {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = "switchyard.toml")]
    pub(super) config: PathBuf,
    /// What the gateway is run for: NAME.STAGE.toml beside the file stands above it, and the stage's rules hold.
    #[arg(long, value_enum, env = "SWITCHYARD_STAGE")]
    pub(super) stage: Option<Stage>,
}

impl Configured {
    pub(super) fn layers(&self) -> Result<Layers, ConfigError> {
        Layers::read(&self.config, self.stage, variables())
    }

    pub(super) fn load(&self) -> Result<Config, ConfigError> {
        self.layers()?.config()
    }
}
