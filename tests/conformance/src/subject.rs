//! The adapter under judgement, and what it did.

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use switchyard_runtime::{
    Adapter, Capability, Difference, Limits, NamedOperation, ReplayError, replay,
};

use crate::groups::Hostility;
use crate::recording::Recording;
use crate::scene::Scene;
use crate::stage::{self, API_KEY, Decoding, Encoding};
use crate::synthetic::{self, Setting};

/// An adapter with its recordings.
#[derive(Debug)]
pub struct Subject {
    adapter: Arc<Adapter>,
    recordings: Vec<Recording>,
    seed: u64,
    only: Option<&'static str>,
    settings: Vec<Setting>,
    scenes: Vec<Scene>,
    recorded: usize,
    encodings: OnceLock<Vec<Encoding>>,
    decodings: OnceLock<Vec<Option<Decoding>>>,
    replays: OnceLock<Vec<Result<Vec<Difference>, ReplayError>>>,
    hostility: OnceLock<Hostility>,
}

impl Subject {
    /// An adapter to be judged by these recordings. Everything that is generated follows from the seed.
    ///
    /// # Errors
    /// The first recording that is not what its operation holds, in words.
    pub fn new(
        adapter: Arc<Adapter>,
        recordings: Vec<Recording>,
        seed: u64,
    ) -> Result<Self, String> {
        let venue = adapter.descriptor().venue.clone();
        let mut scenes = Vec::new();
        for recording in &recordings {
            let made_for = &recording.exchange.adapter;
            if !made_for.is_empty() && *made_for != venue {
                let name = &recording.name;
                return Err(format!(
                    "{name}: recorded for {made_for:?}, this is an adapter for {venue:?}"
                ));
            }
            let scene = Scene::of(recording, API_KEY);
            scenes.push(scene.map_err(|problem| format!("{}: {problem}", recording.name))?);
        }
        let adapter = Arc::new(stage::patient(&adapter)?);
        let recorded = scenes.len();
        let settings = synthetic::settings(&adapter, &recordings);
        scenes.extend(synthetic::scenes(&adapter, &settings));
        Ok(Self {
            adapter,
            recordings,
            seed,
            only: None,
            settings,
            scenes,
            recorded,
            encodings: OnceLock::new(),
            decodings: OnceLock::new(),
            replays: OnceLock::new(),
            hostility: OnceLock::new(),
        })
    }

    /// The same, to be held to one case alone: what is generated for others is left out.
    #[must_use]
    pub(crate) fn for_only(mut self, only: Option<&'static str>) -> Self {
        self.only = only;
        self
    }

    /// Whether a case is among those that it is held to.
    pub(crate) fn is_held_to(&self, id: &str) -> bool {
        self.only.is_none_or(|only| only == id)
    }

    /// The adapter.
    pub fn adapter(&self) -> &Arc<Adapter> {
        &self.adapter
    }

    /// What was recorded of it.
    pub fn recordings(&self) -> &[Recording] {
        &self.recordings
    }

    /// From which everything that is generated follows.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Every endpoint.
    pub(crate) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The recordings' scenes.
    pub fn recorded_scenes(&self) -> &[Scene] {
        &self.scenes[..self.recorded]
    }

    /// The recordings' scenes, then those of the kit.
    pub(crate) fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    /// Every scene and what the adapter would send in it.
    pub(crate) fn encodings(&self) -> impl Iterator<Item = (&Scene, &Encoding)> {
        let encodings = self.encodings.get_or_init(|| {
            let encode = |scene: &Scene| stage::encode(&self.adapter, scene);
            self.scenes.iter().map(encode).collect()
        });
        self.scenes.iter().zip(encodings)
    }

    /// Every recorded scene with answers, and what the adapter makes of them.
    pub(crate) fn decodings(&self) -> impl Iterator<Item = (&Scene, &Decoding)> {
        let decodings = self.decodings.get_or_init(|| {
            let decode = |scene: &Scene| {
                let has_answers = !scene.answers.is_empty();
                has_answers.then(|| stage::decode(&self.adapter, scene, &scene.answers))
            };
            self.recorded_scenes().iter().map(decode).collect()
        });
        let both = self.recorded_scenes().iter().zip(decodings);
        both.filter_map(|(scene, decoding)| Some((scene, decoding.as_ref()?)))
    }

    /// Every recording, and where the adapter differs from it.
    pub(crate) fn replays(
        &self,
    ) -> impl Iterator<Item = (&Recording, &Result<Vec<Difference>, ReplayError>)> {
        let replays = self.replays.get_or_init(|| {
            let replay = |recording: &Recording| replay(&self.adapter, &recording.exchange);
            self.recordings.iter().map(replay).collect()
        });
        self.recordings.iter().zip(replays)
    }

    /// What came of hostile answers; they are made once for all cases about them.
    pub(crate) fn hostility(&self, judge: impl FnOnce(&Self) -> Hostility) -> &Hostility {
        self.hostility.get_or_init(|| judge(self))
    }

    /// Scenes that an adapter can be given answers in: the recorded ones that were answered, and for what
    /// is not recorded on an endpoint those of the kit, with how many answers are due and whether a request
    /// of the step may change something.
    pub(crate) fn answerable(&self) -> Vec<(&Scene, usize, bool)> {
        let mut found: Vec<(&Scene, usize, bool)> = Vec::new();
        for (scene, encoding) in self.encodings() {
            let Ok(Ok(requests)) = &encoding.outcome else {
                continue;
            };
            let is_known = found.iter().any(|(known, ..)| {
                known.operation == scene.operation
                    && known.context.endpoint == scene.context.endpoint
                    && known.state.is_some() == scene.state.is_some()
            });
            if !is_known {
                let mutates = requests.iter().any(|request| request.mutates);
                found.push((scene, requests.len(), mutates));
            }
        }
        found
    }

    /// The adapter with a new instance for every call.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) fn fresh(&self) -> Result<Adapter, String> {
        self.with_uses(1)
    }

    /// The adapter with instances that served nobody yet, and are never exchanged for others.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) fn alone(&self) -> Result<Adapter, String> {
        self.with_uses(u64::MAX)
    }

    fn with_uses(&self, uses_per_instance: u64) -> Result<Adapter, String> {
        let limits = Limits {
            uses_per_instance,
            ..self.adapter.limits().clone()
        };
        self.adapter
            .within(limits)
            .map_err(|error| error.to_string())
    }

    /// Operations of the capabilities that the adapter has.
    pub(crate) fn operations(&self) -> impl Iterator<Item = NamedOperation> {
        NamedOperation::all().filter(|operation| self.offers(operation.capability()))
    }

    pub(crate) fn offers(&self, capability: Capability) -> bool {
        self.adapter.offers(capability)
    }

    /// Operations that the adapter claims on an endpoint and of which no success is recorded there.
    pub fn unrecorded(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for setting in &self.settings {
            let endpoint = &setting.rules.endpoint;
            for operation in self.operations() {
                let here = |scene: &Scene| {
                    scene.operation == operation && scene.context.endpoint == *endpoint
                };
                let is_claimed = self
                    .encodings()
                    .any(|(scene, encoding)| here(scene) && matches!(encoding.outcome, Ok(Ok(_))));
                let is_recorded = self.recorded_scenes().iter().any(|scene| {
                    let meaning = scene.meaning.as_ref();
                    here(scene) && meaning.and_then(|meaning| meaning.get("done")).is_some()
                });
                if is_claimed && !is_recorded {
                    missing.push(format!("{} on {endpoint}", operation.name()));
                }
            }
        }
        missing
    }
}

/// What an adapter made of answers, as recordings have it.
pub(crate) fn meaning_text(decoding: &Decoding) -> String {
    use switchyard_runtime::Step;
    match &decoding.outcome {
        Err(error) => error.to_string(),
        Ok(Err(error)) => format!("the error {}", json(error)),
        Ok(Ok(Step::Continue(state))) => format!("another step, with {} bytes", state.len()),
        Ok(Ok(Step::Done(output))) => output.to_string(),
    }
}

/// A value of the contract as text.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value)
        .unwrap_or(Value::Null)
        .to_string()
}
