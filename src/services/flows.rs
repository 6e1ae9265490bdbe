//! The published flows, compiled once per version and shared by all requests.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use super::error::{Cause, ServiceError};
use crate::domain::experiment::Bandits;
use crate::domain::flow::{self, CompiledFlow, FlowDocument, Format};
use crate::domain::offer::Key;
use crate::domain::session::FlowRef;
use crate::store::Store;

/// How many old versions are kept compiled; open sessions need those they began with.
const KEPT_VERSIONS: usize = 64;

/// A published version, compiled.
#[derive(Debug)]
pub struct Published {
    /// The version; 0 for the flow that stands in until one is published.
    pub version: i32,
    /// The document, ready for deciding.
    pub compiled: CompiledFlow,
}

impl Published {
    /// The document.
    #[must_use]
    pub fn document(&self) -> &FlowDocument {
        self.compiled.document()
    }

    /// Whether it waits for anything before somebody begins to cancel.
    #[must_use]
    pub fn has_signals(&self) -> bool {
        !self.document().signals.is_empty()
    }

    /// How sessions name it.
    #[must_use]
    pub fn reference(&self) -> FlowRef {
        FlowRef { key: self.document().key.clone(), version: self.version }
    }

    fn new(version: i32, document: FlowDocument) -> Self {
        Self { version, compiled: CompiledFlow::compile(document) }
    }
}

#[derive(Default)]
struct Cached {
    active: HashMap<Key, Arc<Published>>,
    versions: HashMap<(Key, i32), Arc<Published>>,
    /// The shares of the active flows' bandits.
    bandits: HashMap<Key, Arc<Bandits>>,
}

/// The published flows.
#[derive(Clone, Default)]
pub struct Flows(Arc<RwLock<Cached>>);

impl fmt::Debug for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flows")
    }
}

impl Flows {
    /// The flow's active version. Until one is published, a flow without offers stands in: nobody's way out waits for
    /// operations.
    #[must_use]
    pub fn active(&self, key: &Key) -> Arc<Published> {
        let found = self.read(|cached| cached.active.get(key).cloned());
        found.unwrap_or_else(|| Arc::new(Published::new(0, FlowDocument::without_offers(key.clone()))))
    }

    /// The flow's active version, if one is published.
    #[must_use]
    pub fn published(&self, key: &Key) -> Option<Arc<Published>> {
        self.read(|cached| cached.active.get(key).cloned())
    }

    /// The flows with a published version that route to this one.
    #[must_use]
    pub fn routing_to(&self, key: &Key) -> Vec<Key> {
        let routes = |flow: &Published| flow.document().routes.iter().any(|route| route.flow == *key);
        let mut found = self.read(|cached| {
            let routing = cached.active.iter().filter(|(_, flow)| routes(flow));
            routing.map(|(from, _)| from.clone()).collect::<Vec<_>>()
        });
        found.sort_unstable();
        found
    }

    /// One published version.
    ///
    /// # Errors
    /// When the database cannot be reached, or does not hold the version.
    pub async fn version(&self, store: &Store, wanted: &FlowRef) -> Result<Arc<Published>, ServiceError> {
        if wanted.version == 0 {
            return Ok(Arc::new(Published::new(0, FlowDocument::without_offers(wanted.key.clone()))));
        }
        let name = (wanted.key.clone(), wanted.version);
        if let Some(found) = self.read(|cached| cached.versions.get(&name).cloned()) {
            return Ok(found);
        }
        let loaded = Arc::new(load(store, &wanted.key, wanted.version).await?);
        self.write(|cached| {
            if cached.versions.len() >= KEPT_VERSIONS {
                let in_use: Vec<i32> = cached.active.values().map(|active| active.version).collect();
                cached.versions.retain(|(_, version), _| in_use.contains(version));
            }
            cached.versions.insert(name, Arc::clone(&loaded));
        });
        Ok(loaded)
    }

    /// The latest shares of a flow's bandits.
    #[must_use]
    pub fn bandits(&self, key: &Key) -> Arc<Bandits> {
        self.read(|cached| cached.bandits.get(key).cloned()).unwrap_or_default()
    }

    /// Looks which versions are active and loads those that are new, and the latest shares of their bandits. Says
    /// whether any version was new.
    ///
    /// # Errors
    /// When the database cannot be reached, or holds a version that does not compile.
    pub async fn refresh(&self, store: &Store) -> Result<bool, ServiceError> {
        let mut changed = false;
        for (key, version) in store.active_flows().await? {
            if self.read(|cached| cached.active.get(&key).is_some_and(|active| active.version == version)) {
                continue;
            }
            let published = self.version(store, &FlowRef { key: key.clone(), version }).await?;
            self.write(|cached| cached.active.insert(key, published));
            changed = true;
        }
        self.refresh_bandits(store).await?;
        Ok(changed)
    }

    async fn refresh_bandits(&self, store: &Store) -> Result<(), ServiceError> {
        let with_bandits = |published: &&Arc<Published>| published.document().bandits().next().is_some();
        let flows: Vec<Key> = self.read(|cached| {
            let active = cached.active.values().filter(with_bandits);
            active.map(|published| published.document().key.clone()).collect()
        });
        for key in flows {
            let bandits = Arc::new(store.bandit_shares(&key).await?);
            self.write(|cached| cached.bandits.insert(key, bandits));
        }
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&Cached) -> T) -> T {
        look(&self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Cached) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

async fn load(store: &Store, key: &Key, version: i32) -> Result<Published, ServiceError> {
    let stored = store.flow_version(key, version).await?.ok_or(ServiceError::NotFound("flow version"))?;
    let document = flow::parse_stored(&stored.document, Format::Json).map_err(|problems| {
        let text = format!("published flow {key} version {version} has {} problems", problems.len());
        ServiceError::Internal(Cause::new(text))
    })?;
    Ok(Published::new(version, document))
}
