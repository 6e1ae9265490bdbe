//! The rules of the subscriber's place, and the permission to show offers that they may ask for.

use jiff::Timestamp;

use super::{Refused, Session};
use crate::domain::evidence::What;
use crate::domain::jurisdiction::{Jurisdiction, Permission};

impl Session {
    /// Puts the session under the rules of a place and opens its evidence; done once, before the first decision.
    pub fn govern(&mut self, jurisdiction: Option<Jurisdiction>, now: Timestamp) {
        if !self.evidence.is_empty() {
            return;
        }
        let rules = jurisdiction.as_ref();
        let begun = What::Begun {
            flow: self.flow.key.clone(),
            flow_version: self.flow.version,
            locale: self.locale.clone(),
            policy: rules.map(|rules| rules.policy.clone()),
            place: rules.map(|rules| rules.place.clone()).unwrap_or_default(),
            exit_visible: true,
        };
        self.evidence.add(begun, now);
        if self.answers.reason.is_some() {
            self.evidence.add(What::Answered { reason: self.answers.reason.clone() }, now);
        }
        self.jurisdiction = jurisdiction.map(Box::new);
    }

    /// Takes note of whether a decision found offers that wait for the subscriber's permission.
    pub fn await_permission(&mut self, waiting: bool, now: Timestamp) {
        let Some(rules) = &mut self.jurisdiction else { return };
        match (waiting, rules.permission) {
            (true, Permission::NotNeeded) => {
                rules.permission = Permission::Needed;
                self.evidence.add(What::PermissionAsked, now);
            }
            (false, Permission::Needed) => rules.permission = Permission::NotNeeded,
            _ => {}
        }
    }

    /// Records whether the subscriber wants to see offers.
    ///
    /// # Errors
    /// When the session is not open, nobody has to ask, or the subscriber has answered.
    pub fn permit(&mut self, granted: bool, now: Timestamp) -> Result<(), Refused> {
        self.deciding()?;
        let rules = self.jurisdiction.as_mut().ok_or(Refused::PermissionNotNeeded)?;
        match rules.permission {
            Permission::Needed => {}
            Permission::NotNeeded => return Err(Refused::PermissionNotNeeded),
            Permission::Granted | Permission::Refused => return Err(Refused::PermissionAnswered),
        }
        rules.permission = if granted { Permission::Granted } else { Permission::Refused };
        self.evidence.add(What::PermissionAnswered { granted }, now);
        self.updated_at = now;
        Ok(())
    }
}
