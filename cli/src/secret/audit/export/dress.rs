//! A record as each kind of sink takes it. All have the fields of `audit --json` and no others.

use serde_json::Value;

use super::super::view::RecordView;

/// Of a program's own messages about who may do what (RFC 5424, 6.2.1: security/authorization).
const FACILITY: u8 = 10;
const WARNING: u8 = 4;
const INFORMATIONAL: u8 = 6;

/// One line.
pub(super) fn json_line(record: &RecordView) -> Vec<u8> {
    let mut line = json(record);
    line.push(b'\n');
    line
}

/// RFC 5424: the event is the MSGID, the message is the JSON object.
pub(super) fn syslog(record: &RecordView, host: &str) -> Vec<u8> {
    let priority = FACILITY * 8 + severity(record);
    let (time, event) = (record.time(), record.event());
    let mut message = format!("<{priority}>1 {time} {host} ugent - {event} - ").into_bytes();
    message.append(&mut json(record));
    message
}

/// The journal's native protocol: a field a line. No value has a line break.
pub(super) fn journald(record: &RecordView) -> Vec<u8> {
    let severity = severity(record);
    let mut message = format!("MESSAGE={}\n", one_line(&record.cells().join(" ")));
    message.push_str(&format!("PRIORITY={severity}\nSYSLOG_IDENTIFIER=ugent\n"));
    // A view always is an object.
    if let Ok(Value::Object(fields)) = serde_json::to_value(record) {
        for (name, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            message.push_str(&format!("UGENT_{}={}\n", name.to_ascii_uppercase(), one_line(&text)));
        }
    }
    message.into_bytes()
}

/// A machine's name as RFC 5424 takes it.
pub(super) fn host() -> String {
    let name = nix::sys::utsname::uname().ok().map(|names| names.nodename().to_owned());
    let name = name.unwrap_or_default().to_string_lossy().into_owned();
    let is_usable = !name.is_empty() && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_usable { name } else { "-".to_owned() }
}

fn json(record: &RecordView) -> Vec<u8> {
    // Strings and numbers always can be written.
    serde_json::to_vec(record).unwrap_or_default()
}

fn severity(record: &RecordView) -> u8 {
    match record.event() {
        "lease.denied" | "vault.unlock_failed" | "grants.refused" | "release.echoed" | "journal.repaired" => {
            WARNING
        }
        _ => INFORMATIONAL,
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use proto::journal::{Event, Record};
    use proto::meta::{RecordSeq, Timestamp};
    use proto::name::Handle;

    use super::*;

    fn view() -> RecordView {
        let mut record = Record::of(Event::LeaseDenied, Timestamp(1_700_000_000_123));
        record.seq = RecordSeq(7);
        record.secret = Handle::parse("@a").ok();
        RecordView::from(&record)
    }

    const JSON: &str =
        "{\"seq\":7,\"time\":\"2023-11-14T22:13:20.123Z\",\"event\":\"lease.denied\",\"secret\":\"@a\"}";

    #[test]
    fn each_kind_gets_its_own_form() {
        assert_eq!(String::from_utf8(json_line(&view())).unwrap(), format!("{JSON}\n"));
        assert_eq!(
            String::from_utf8(syslog(&view(), "box")).unwrap(),
            format!("<84>1 2023-11-14T22:13:20.123Z box ugent - lease.denied - {JSON}")
        );
        assert_eq!(
            String::from_utf8(journald(&view())).unwrap(),
            "MESSAGE=7 2023-11-14T22:13:20.123Z lease.denied @a - \nPRIORITY=4\nSYSLOG_IDENTIFIER=ugent\n\
             UGENT_EVENT=lease.denied\nUGENT_SECRET=@a\nUGENT_SEQ=7\nUGENT_TIME=2023-11-14T22:13:20.123Z\n"
        );
    }
}
