//! How our items are named in the keychain: by attributes that a person finds them by in Seahorse, or
//! with `secret-tool search application ugent-vault`. They are labels, and prove nothing: whoever may
//! write to the keychain may write these. Whether a value is ours is for keeperd to say.

use std::collections::HashMap;

use proto::keychain_lane::{HOME_MAX, Holding, Item, Listed, Shown};
use proto::name::Handle;

/// Marks all items of ours.
const APPLICATION: (&str, &str) = ("application", "ugent-vault");

/// Attributes of an item, as the service takes them.
pub(crate) struct Attributes(Vec<(&'static str, String)>);

impl Attributes {
    /// Of every item.
    pub(crate) fn of_any() -> Self {
        Self(vec![(APPLICATION.0, APPLICATION.1.to_owned())])
    }

    /// By which an item is found.
    pub(crate) fn naming(item: &Item) -> Self {
        let mut all = Self::of_any();
        all.0.push(("vault", hex(&item.vault)));
        all.0.push(("item", word(item.holding)));
        all
    }

    /// With which it is set.
    pub(crate) fn whole(item: &Item, shown: &Shown) -> Self {
        let mut all = Self::naming(item);
        all.0.push(("home", shown.home.clone()));
        if let Some(handle) = &shown.handle {
            all.0.push(("name", handle.to_string()));
            all.0.push(("version", shown.version.to_string()));
        }
        all
    }

    /// As the library wants them.
    pub(crate) fn as_map(&self) -> HashMap<&str, &str> {
        self.0.iter().map(|(key, value)| (*key, value.as_str())).collect()
    }
}

/// What a person reads.
pub(crate) fn label(item: &Item, shown: &Shown) -> String {
    match (item.holding, &shown.handle) {
        (Holding::Deposit(_), Some(handle)) => format!("UGENT: {handle}"),
        (Holding::Deposit(_), None) => "UGENT: a value".to_owned(),
        (Holding::DataKey, _) => "UGENT: data key".to_owned(),
        (Holding::JournalRoot, _) => "UGENT: root of the journal".to_owned(),
    }
}

/// An item by its attributes, if it is named as ours are.
pub(crate) fn read(attributes: &HashMap<String, String>) -> Option<Listed> {
    let get = |key: &str| attributes.get(key).map(String::as_str);
    let holding = match get("item")? {
        "data-key" => Holding::DataKey,
        "journal-root" => Holding::JournalRoot,
        deposit => Holding::Deposit(unhex(deposit)?),
    };
    let item = Item { vault: unhex(get("vault")?)?, holding };
    let home = get("home").filter(|home| home.len() <= HOME_MAX).unwrap_or_default().to_owned();
    let handle = get("name").and_then(|name| Handle::parse(name).ok());
    let version = get("version").and_then(|version| version.parse().ok()).unwrap_or_default();
    Some(Listed { item, shown: Shown { home, handle, version } })
}

fn word(holding: Holding) -> String {
    match holding {
        Holding::DataKey => "data-key".to_owned(),
        Holding::JournalRoot => "journal-root".to_owned(),
        Holding::Deposit(deposit) => hex(&deposit),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(text, 16).ok()?;
    let bytes = number.to_be_bytes();
    // One name an item: no sign, no capitals, no digit left out.
    (hex(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(attributes: &Attributes) -> HashMap<String, String> {
        attributes.0.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    #[test]
    fn an_item_is_read_as_it_was_set_and_by_no_other_name() {
        let handle = Handle::parse("@a_key").ok();
        for holding in
            [Holding::DataKey, Holding::JournalRoot, Holding::Deposit([0; 16]), Holding::Deposit([0xab; 16])]
        {
            let item = Item { vault: [9; 16], holding };
            let shown = Shown { home: "/home/x/.ugent".to_owned(), handle: handle.clone(), version: 3 };
            let set = owned(&Attributes::whole(&item, &shown));
            assert_eq!(read(&set), Some(Listed { item, shown }));
        }
        for (key, value) in [("item", "+"), ("item", "0"), ("vault", "x"), ("vault", &"AB".repeat(16))] {
            let mut other = owned(&Attributes::naming(&Item { vault: [9; 16], holding: Holding::DataKey }));
            other.insert(key.to_owned(), value.to_owned());
            assert_eq!(read(&other), None, "{key} = {value}");
        }
    }
}
