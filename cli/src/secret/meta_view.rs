//! A secret's metadata as it is shown: the same fields, in the same order, in every form.

use std::io::Write;

use proto::cli_lane::CliAnswer;
use proto::meta::{SecretMeta, Timestamp};
use serde::Serialize;

use super::expiry::Expiry;
use crate::clock::{now, seconds};
use crate::ending::Outcome;
use crate::hazmat::injectable::Injectable;
use crate::keeper::unexpected;
use crate::render::or_dash;

/// Names of the fields: JSON keys, labels of `inspect`, and columns of `list`. The version before has
/// no column.
pub(super) const FIELDS: [&str; 9] =
    ["handle", "provider", "kind", "fingerprint", "version", "created", "rotated", "last_used", "expires"];

/// What is shown of a secret.
#[derive(Serialize)]
pub(super) struct MetaView {
    handle: String,
    provider: String,
    kind: String,
    fingerprint: Option<String>,
    version: Option<u32>,
    created: String,
    rotated: Option<String>,
    last_used: Option<String>,
    expires: Option<String>,
    expiry: Option<Expiry>,
    previous: Option<Previous>,
}

/// The version before, as long as it is kept.
#[derive(Serialize)]
pub(super) struct Previous {
    version: u32,
    fingerprint: String,
    kept_until: String,
}

impl MetaView {
    /// What there is to show of a secret, at that moment.
    pub(super) fn of(meta: &SecretMeta, now: Timestamp) -> Self {
        let mut newest_first = meta.versions.iter().rev();
        let newest = newest_first.next();
        let previous = newest_first.next().and_then(|version| {
            Some(Previous {
                version: version.version,
                fingerprint: version.fingerprint.to_string(),
                kept_until: seconds(version.kept_until?),
            })
        });
        let end = newest.and_then(|version| version.expires);
        Self {
            handle: meta.handle.to_string(),
            provider: meta.provider.to_string(),
            kind: meta.kind.to_string(),
            fingerprint: newest.map(|version| version.fingerprint.to_string()),
            version: newest.map(|version| version.version),
            created: seconds(meta.created),
            rotated: meta.rotated.map(seconds),
            last_used: meta.last_used.map(seconds),
            expires: end.map(seconds),
            expiry: end.and_then(|end| Expiry::of(end, now)),
            previous,
        }
    }

    /// The version before, in words.
    pub(super) fn previous(&self) -> String {
        let said = self.previous.as_ref().map(|previous| {
            let Previous { version, fingerprint, kept_until } = previous;
            format!("version {version}, fingerprint {fingerprint}, kept until {kept_until}")
        });
        or_dash(said)
    }

    /// The fields as text, in the order of [`FIELDS`].
    pub(super) fn cells(self) -> [String; 9] {
        let mark = self.expiry.map(|expiry| format!(" ({})", expiry.as_str())).unwrap_or_default();
        let expires = self.expires.map(|end| end + &mark);
        [
            self.handle,
            self.provider,
            self.kind,
            or_dash(self.fingerprint),
            or_dash(self.version),
            self.created,
            or_dash(self.rotated),
            or_dash(self.last_used),
            or_dash(expires),
        ]
    }
}

/// Says what was deposited, and warns on stderr of a value that its provider can never be sent.
pub(super) fn deposited(out: &mut impl Write, answer: CliAnswer, injectable: Injectable) -> Outcome {
    let CliAnswer::Deposited(meta) = answer else {
        return Err(unexpected().into());
    };
    let view = MetaView::of(&meta, now());
    let (version, fingerprint) = (or_dash(view.version), or_dash(view.fingerprint));
    writeln!(out, "deposited {} version {version}, fingerprint {fingerprint}", view.handle)?;
    if let Some(Previous { version, fingerprint: _, kept_until }) = &view.previous {
        let back = format!("ugent secret rollback {}", view.handle);
        writeln!(out, "version {version} is kept until {kept_until}; to go back to it: {back}")?;
    }
    if let Some(why) = injectable.why_not().filter(|_| !meta.provider.is_generic()) {
        let warning = "the gateway will refuse to send this value (value_not_injectable)";
        let _ = writeln!(std::io::stderr(), "warning: {warning}: {why}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::meta::{Fingerprint, VersionMeta};
    use proto::name::{Handle, Kind, ProviderId};

    #[test]
    fn json_has_the_documented_keys_in_their_order() {
        let meta = SecretMeta {
            handle: Handle::parse("@a").unwrap(),
            provider: ProviderId::generic(),
            kind: Kind::ApiKey,
            created: Timestamp(0),
            rotated: None,
            last_used: Some(Timestamp(1500)),
            versions: vec![VersionMeta {
                version: 3,
                fingerprint: Fingerprint::parse("0123456789ab").unwrap(),
                created: Timestamp(0),
                expires: Some(Timestamp(2000)),
                kept_until: None,
            }],
        };
        assert_eq!(
            serde_json::to_string(&MetaView::of(&meta, Timestamp(1999))).unwrap(),
            "{\"handle\":\"@a\",\"provider\":\"generic\",\"kind\":\"api_key\",\"fingerprint\":\"0123456789ab\",\
             \"version\":3,\"created\":\"1970-01-01T00:00:00Z\",\"rotated\":null,\
             \"last_used\":\"1970-01-01T00:00:01Z\",\"expires\":\"1970-01-01T00:00:02Z\",\"expiry\":\"soon\",\
             \"previous\":null}"
        );
        let marked = |now| MetaView::of(&meta, Timestamp(now)).cells()[8].clone();
        assert_eq!(
            [marked(1999), marked(2000)],
            ["1970-01-01T00:00:02Z (soon)", "1970-01-01T00:00:02Z (expired)"]
        );
        let json = serde_json::to_value(MetaView::of(&meta, Timestamp(0))).unwrap();
        assert!(FIELDS.iter().all(|field| json.get(field).is_some()));
    }
}
