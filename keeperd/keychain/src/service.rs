//! The Secret Service: one session with it, and what is asked of it
//! (<https://specifications.freedesktop.org/secret-service-spec/latest/>).
//!
//! Looks whether the collection is locked before each act, since the service would ask its user: only
//! [`Service::unlock`] may lead to a prompt. Looks only in the one collection that is ours to use.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;

use proto::hazmat::SecretBytes;
use proto::keychain_lane::{ITEMS_PAGE, Item, KeychainAnswer, KeychainRequest, Shown, Trouble};
use secret_service::EncryptionType;
use secret_service::blocking::{Collection, SecretService};

use crate::items::{self, Attributes};
use crate::{hazmat, trouble};

/// A session with the service.
pub(crate) struct Service {
    service: SecretService<'static>,
    collection: Option<String>,
}

impl Service {
    /// Greets the bus and the service. Whoever drives connections is sent this one.
    pub(crate) fn open(
        bus: UnixStream,
        collection: Option<String>,
        driver: &Sender<zbus::Connection>,
    ) -> Result<Self, Trouble> {
        // Its own driver would be a thread, and none can be started any more.
        let built = zbus::connection::Builder::async_io_unix_stream(bus).internal_executor(false).build();
        let connection = async_io::block_on(built).map_err(|error| trouble::of_bus(&error))?;
        driver.send(connection.clone()).map_err(|_| Trouble::NoBus)?;
        let service = SecretService::connect_with_existing(EncryptionType::Dh, connection.into());
        Ok(Self { service: service.map_err(|error| trouble::of(&error))?, collection })
    }

    /// Does what is asked.
    pub(crate) fn answer(
        &self,
        request: KeychainRequest,
        value: Option<SecretBytes>,
    ) -> (KeychainAnswer, Option<SecretBytes>) {
        let done = match (request, value) {
            (KeychainRequest::Probe, _) => self.open_collection().map(|_| KeychainAnswer::Open),
            (KeychainRequest::Get(item), _) => match self.get(&item) {
                Ok(value) => return (KeychainAnswer::Got, Some(value)),
                Err(trouble) => Err(trouble),
            },
            (KeychainRequest::Set { item, shown }, Some(value)) => self.set(&item, &shown, &value),
            (KeychainRequest::Set { .. }, None) => Err(Trouble::Refused),
            (KeychainRequest::Delete(item), _) => self.delete(&item),
            (KeychainRequest::List { seen }, _) => self.list(seen),
            (KeychainRequest::Unlock, _) => self.unlock(),
        };
        (done.unwrap_or_else(KeychainAnswer::Failed), None)
    }

    fn get(&self, item: &Item) -> Result<SecretBytes, Trouble> {
        let collection = self.open_collection()?;
        let naming = Attributes::naming(item);
        let found = collection.search_items(naming.as_map()).map_err(|error| trouble::of(&error))?;
        match found.as_slice() {
            [] => Err(Trouble::Missing),
            [one] => hazmat::get(one),
            [_, ..] => Err(Trouble::Ambiguous),
        }
    }

    fn set(&self, item: &Item, shown: &Shown, value: &SecretBytes) -> Result<KeychainAnswer, Trouble> {
        let collection = self.open_collection()?;
        let whole = Attributes::whole(item, shown);
        hazmat::set(&collection, &items::label(item, shown), &whole, value)?;
        Ok(KeychainAnswer::Kept)
    }

    fn delete(&self, item: &Item) -> Result<KeychainAnswer, Trouble> {
        let collection = self.open_collection()?;
        let naming = Attributes::naming(item);
        let found = collection.search_items(naming.as_map()).map_err(|error| trouble::of(&error))?;
        for item in found {
            item.delete().map_err(|error| trouble::of(&error))?;
        }
        Ok(KeychainAnswer::Deleted)
    }

    fn list(&self, seen: u32) -> Result<KeychainAnswer, Trouble> {
        let collection = self.open_collection()?;
        let any = Attributes::of_any();
        let mut found = collection.search_items(any.as_map()).map_err(|error| trouble::of(&error))?;
        found.sort_by(|one, other| one.item_path.cmp(&other.item_path));
        let from = usize::try_from(seen).unwrap_or(usize::MAX);
        let mut listed = Vec::new();
        for item in found.iter().skip(from).take(ITEMS_PAGE) {
            match item.get_attributes() {
                Ok(attributes) => listed.extend(items::read(&attributes)),
                // Removed in between.
                Err(error) if trouble::of(&error) == Trouble::Missing => {}
                Err(error) => return Err(trouble::of(&error)),
            }
        }
        let looked = from.saturating_add(ITEMS_PAGE);
        let more = if looked < found.len() { u32::try_from(looked).ok() } else { None };
        Ok(KeychainAnswer::Listed { items: listed, more })
    }

    fn unlock(&self) -> Result<KeychainAnswer, Trouble> {
        let collection = self.collection()?;
        if collection.is_locked().map_err(|error| trouble::of(&error))? {
            collection.unlock().map_err(|error| trouble::of(&error))?;
        }
        match collection.is_locked().map_err(|error| trouble::of(&error))? {
            false => Ok(KeychainAnswer::Unlocked),
            true => Err(Trouble::NotUnlocked),
        }
    }

    fn open_collection(&self) -> Result<Collection<'_>, Trouble> {
        let collection = self.collection()?;
        match collection.is_locked().map_err(|error| trouble::of(&error))? {
            false => Ok(collection),
            true => Err(Trouble::Locked),
        }
    }

    fn collection(&self) -> Result<Collection<'_>, Trouble> {
        let none = |error: secret_service::Error| {
            let trouble = trouble::of(&error);
            if trouble == Trouble::Missing { Trouble::NoCollection } else { trouble }
        };
        let Some(label) = &self.collection else {
            return self.service.get_default_collection().map_err(none);
        };
        let all = self.service.get_all_collections().map_err(none)?;
        let is_it = |one: &Collection<'_>| one.get_label().is_ok_and(|its| its == *label);
        all.into_iter().find(is_it).ok_or(Trouble::NoCollection)
    }
}
