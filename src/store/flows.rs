//! Flows: a draft of each, and published versions, which never change.

use std::collections::BTreeSet;

use diesel::dsl::max;
use diesel::prelude::*;
use jiff::Timestamp;

use super::Store;
use super::connection::each;
use super::error::{Failure, StoreError};
use super::schema::{flow_drafts, flow_versions};
use super::text::{parsed, whole};
use super::time::{instant, micros};
use crate::domain::offer::Key;

/// The draft of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The flow.
    pub key: Key,
    /// The document as it was written.
    pub document: String,
    /// `yaml` or `json`.
    pub format: String,
    /// When it was stored.
    pub updated_at: Timestamp,
    /// 1 for the first draft, one more each time.
    pub revision: i64,
}

/// A version to publish.
#[derive(Clone, Debug)]
pub struct NewVersion {
    /// The flow.
    pub key: Key,
    /// The document as canonical JSON.
    pub document: String,
    /// The document as it was written.
    pub source: String,
    /// `yaml` or `json`.
    pub format: String,
    /// What changes, in words.
    pub note: Option<String>,
    /// Who publishes it.
    pub actor: String,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowVersion {
    /// The flow.
    pub key: Key,
    /// From 1.
    pub version: i32,
    /// The document as canonical JSON.
    pub document: String,
    /// The document as it was written.
    pub source: String,
    /// `yaml` or `json`.
    pub format: String,
    /// What changed, in words.
    pub note: Option<String>,
    /// Who published it.
    pub actor: String,
    /// When.
    pub published_at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = flow_versions, treat_none_as_default_value = false)]
struct VersionRow {
    key: String,
    version: i32,
    document: String,
    source: String,
    format: String,
    note: Option<String>,
    actor: String,
    published_at: i64,
}

impl VersionRow {
    fn read(self) -> Result<FlowVersion, Failure> {
        Ok(FlowVersion {
            key: key(&self.key)?,
            version: self.version,
            document: self.document,
            source: self.source,
            format: self.format,
            note: self.note,
            actor: self.actor,
            published_at: instant("flow_versions.published_at", self.published_at)?,
        })
    }
}

fn key(text: &str) -> Result<Key, Failure> {
    parsed("a flow's key", text)
}

type DraftRow = (String, String, String, i64, i64);

fn read_draft((flow, document, format, updated_at, revision): DraftRow) -> Result<Draft, Failure> {
    Ok(Draft {
        key: key(&flow)?,
        document,
        format,
        updated_at: instant("flow_drafts.updated_at", updated_at)?,
        revision,
    })
}

impl Store {
    /// Stores a flow's draft in the place of the earlier one; its revision.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn put_draft(
        &self,
        key: &Key,
        document: String,
        format: &str,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        use flow_drafts::dsl;
        let document = whole("the flow document", document)?;
        let (key, format) = (key.to_string(), whole("the format", format.to_owned())?);
        self.write(move |connection| {
            let content =
                (dsl::document.eq(&document), dsl::format.eq(&format), dsl::updated_at.eq(micros(now)));
            let insert = diesel::insert_into(dsl::flow_drafts)
                .values((dsl::key.eq(&key), content, dsl::revision.eq(1_i64)))
                .on_conflict(dsl::key)
                .do_update()
                .set((content, dsl::revision.eq(dsl::revision + 1_i64)))
                .returning(dsl::revision);
            Ok(each!(connection, |c| insert.get_result(c))?)
        })
        .await
    }

    /// A flow's draft.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn draft(&self, key: &Key) -> Result<Option<Draft>, StoreError> {
        let key = key.to_string();
        self.read(move |connection| {
            let row = flow_drafts::table.find(&key).first::<DraftRow>(connection);
            row.optional()?.map(read_draft).transpose()
        })
        .await
    }

    /// Publishes a version; its number.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn publish(&self, version: NewVersion, now: Timestamp) -> Result<i32, StoreError> {
        let row = move |number: i32| VersionRow {
            key: version.key.to_string(),
            version: number,
            document: version.document.clone(),
            source: version.source.clone(),
            format: version.format.clone(),
            note: version.note.clone(),
            actor: version.actor.clone(),
            published_at: micros(now),
        };
        let first = row(1);
        for text in [&first.document, &first.source, &first.format, &first.actor] {
            whole("the flow version", text.clone())?;
        }
        whole("the note", first.note.unwrap_or_default())?;
        let key = first.key;
        self.write(move |connection| {
            let of_flow = flow_versions::table.filter(flow_versions::key.eq(&key));
            let last: Option<i32> = of_flow.select(max(flow_versions::version)).first(connection)?;
            let number = last.unwrap_or(0) + 1;
            let row = row(number);
            let insert = diesel::insert_into(flow_versions::table).values(&row).on_conflict_do_nothing();
            match each!(connection, |c| insert.execute(c))? {
                // Another process took the number.
                0 => Err(Failure::Again),
                _ => Ok(number),
            }
        })
        .await
    }

    /// The newest version of each flow; cheap enough to ask every second.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn active_flows(&self) -> Result<Vec<(Key, i32)>, StoreError> {
        self.read(|connection| {
            let rows: Vec<(String, Option<i32>)> = flow_versions::table
                .group_by(flow_versions::key)
                .order(flow_versions::key)
                .select((flow_versions::key, max(flow_versions::version)))
                .load(connection)?;
            let read = |(flow, version): (String, Option<i32>)| Ok((key(&flow)?, version.unwrap_or(0)));
            rows.into_iter().map(read).collect()
        })
        .await
    }

    /// A published version.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn flow_version(&self, key: &Key, version: i32) -> Result<Option<FlowVersion>, StoreError> {
        let key = key.to_string();
        self.read(move |connection| {
            let query = flow_versions::table.find((&key, version)).select(VersionRow::as_select());
            query.first(connection).optional()?.map(VersionRow::read).transpose()
        })
        .await
    }

    /// Every published version of a flow, the newest first.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn flow_versions(&self, key: &Key) -> Result<Vec<FlowVersion>, StoreError> {
        let key = key.to_string();
        self.read(move |connection| {
            let query = flow_versions::table
                .filter(flow_versions::key.eq(&key))
                .order(flow_versions::version.desc())
                .select(VersionRow::as_select());
            query.load(connection)?.into_iter().map(VersionRow::read).collect()
        })
        .await
    }

    /// The keys of all flows, drafted or published.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn flows(&self) -> Result<Vec<Key>, StoreError> {
        self.read(|connection| {
            let drafted: Vec<String> = flow_drafts::table.select(flow_drafts::key).load(connection)?;
            let published: Vec<String> =
                flow_versions::table.select(flow_versions::key).distinct().load(connection)?;
            let all: BTreeSet<String> = drafted.into_iter().chain(published).collect();
            all.iter().map(|text| key(text)).collect()
        })
        .await
    }
}
