//! The page itself: no script, no picture and no address from anywhere, and a policy in its head that
//! forbids them all. Every text is escaped, wherever it is from.

use std::io::{self, Write};

use proto::journal::{Event, Record};
use proto::meta::Timestamp;

use super::super::view::RecordView;
use super::tally::{Counts, Tally};
use crate::clock::{seconds, span};
use crate::render::or_dash;

/// Spans in the timeline.
const SPANS: u64 = 96;
/// Of the timeline.
const HEIGHT: u64 = 120;

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>UGENT Vault: audit</title>
<style>
:root { color-scheme: light dark; --used: #2f7d4f; --denied: #b3261e; --other: #8a8f98; --line: #8884 }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
td { overflow-wrap: anywhere } .wide { overflow-x: auto }
.denied { color: var(--denied) } .faint { color: var(--other) }
svg { width: 100%; height: auto } .used { fill: var(--used) } rect.denied { fill: var(--denied) } .other { fill: var(--other) }
</style>
</head>
<body>
"#;

/// Writes all of it.
pub(super) fn write(
    out: &mut impl Write,
    home: &str,
    now: Timestamp,
    tally: &Tally,
    rows: &[Record],
) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    let between = match (tally.first, tally.last) {
        (Some(first), Some(last)) => {
            format!("{} to {}, {}", seconds(first), seconds(last), span(last.0.saturating_sub(first.0)))
        }
        (None, _) | (_, None) => "nothing".to_owned(),
    };
    writeln!(out, "<h1>Audit of {}</h1>", text(home))?;
    writeln!(
        out,
        "<p>{} records: {}. <span class=\"faint\">Made {}. Times are UTC. What it says is as good as the journal: \
         <code>ugent secret audit --verify</code> checks that.</span></p>",
        tally.records,
        text(&between),
        seconds(now)
    )?;
    timeline(out, &tally.spans(SPANS))?;
    uses(out, tally)?;
    denials(out, tally)?;
    events(out, tally)?;
    records(out, tally, rows)?;
    out.write_all(b"</body>\n</html>\n")
}

fn timeline(out: &mut impl Write, spans: &[(Timestamp, Counts)]) -> io::Result<()> {
    writeln!(
        out,
        "<h2 id=\"timeline\">Timeline</h2>\n<p><span style=\"color:var(--used)\">&#9632;</span> used \
         <span class=\"denied\">&#9632;</span> denied <span class=\"faint\">&#9632; everything else</span></p>"
    )?;
    let most = spans.iter().map(|(_, counts)| counts.used + counts.denied + counts.other).max();
    let Some(most) = most.filter(|most| *most > 0) else {
        return writeln!(out, "<p>Nothing happened.</p>");
    };
    let width = spans.len() * 10;
    writeln!(out, "<svg viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\">")?;
    for (column, (begin, counts)) in spans.iter().enumerate() {
        let mut top = HEIGHT;
        for (class, count) in [("used", counts.used), ("denied", counts.denied), ("other", counts.other)] {
            if count == 0 {
                continue;
            }
            // What happened at all is seen.
            let height = (count * HEIGHT / most).max(2).min(top);
            top -= height;
            writeln!(
                out,
                "<rect class=\"{class}\" x=\"{}\" y=\"{top}\" width=\"9\" height=\"{height}\">\
                 <title>{}: {count} {class}</title></rect>",
                column * 10,
                seconds(*begin)
            )?;
        }
    }
    writeln!(out, "</svg>")
}

fn uses(out: &mut impl Write, tally: &Tally) -> io::Result<()> {
    writeln!(out, "<h2 id=\"consumers\">Leases by consumer</h2>\n<div class=\"wide\"><table>")?;
    head(out, ["Consumer", "Secret"], ["Leases", "Uses", "Denied", "Bytes in", "Bytes out"], ["Last"])?;
    for ((consumer, secret), its) in &tally.uses {
        writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            text(consumer),
            text(secret),
            its.leases,
            its.uses,
            its.denied,
            its.bytes_in,
            its.bytes_out,
            or_dash(its.last.map(seconds))
        )?;
    }
    writeln!(out, "</table></div>")
}

fn denials(out: &mut impl Write, tally: &Tally) -> io::Result<()> {
    writeln!(out, "<h2 id=\"denials\">Denials</h2>")?;
    if tally.denials.is_empty() {
        return writeln!(out, "<p>Nothing was refused.</p>");
    }
    writeln!(out, "<div class=\"wide\"><table>")?;
    head(out, ["Reason", "Consumer", "Secret", "Route"], ["Times"], ["Last"])?;
    for ((consumer, secret, route, reason), denial) in &tally.denials {
        writeln!(
            out,
            "<tr><td class=\"denied\">{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
            text(reason),
            text(consumer),
            text(secret),
            text(route),
            denial.count,
            seconds(denial.last)
        )?;
    }
    writeln!(out, "</table></div>")
}

fn events(out: &mut impl Write, tally: &Tally) -> io::Result<()> {
    writeln!(out, "<h2 id=\"events\">Events</h2>\n<table>")?;
    head(out, ["Event"], ["Times"], [])?;
    for (event, times) in &tally.events {
        writeln!(out, "<tr><td>{}</td><td class=\"n\">{times}</td></tr>", text(event))?;
    }
    writeln!(out, "</table>")
}

fn records(out: &mut impl Write, tally: &Tally, rows: &[Record]) -> io::Result<()> {
    writeln!(out, "<h2 id=\"records\">The last {} of {} records</h2>", rows.len(), tally.records)?;
    writeln!(out, "<div class=\"wide\"><table>")?;
    head(out, ["Seq", "Time", "Event", "Secret", "Consumer", "Details"], [], [])?;
    for record in rows.iter().rev() {
        let class = if record.event == Event::LeaseDenied { " class=\"denied\"" } else { "" };
        write!(out, "<tr{class}>")?;
        for cell in RecordView::from(record).cells() {
            write!(out, "<td>{}</td>", text(&cell))?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</table></div>")
}

fn head<const A: usize, const B: usize, const C: usize>(
    out: &mut impl Write,
    names: [&str; A],
    numbers: [&str; B],
    last: [&str; C],
) -> io::Result<()> {
    write!(out, "<tr>")?;
    for name in names {
        write!(out, "<th>{}</th>", text(name))?;
    }
    for name in numbers {
        write!(out, "<th class=\"n\">{}</th>", text(name))?;
    }
    for name in last {
        write!(out, "<th>{}</th>", text(name))?;
    }
    writeln!(out, "</tr>")
}

/// A text that is a text in HTML, between tags as well as between quotes.
fn text(raw: &str) -> String {
    let mut escaped = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What would hide or turn round what is read.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                escaped.push('\u{fffd}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proto::journal::Reason;
    use proto::name::{Consumer, Handle, RouteName};

    use super::*;

    /// What a name could be if its rules were lost one day, and what a route's may be today.
    const ATTACKS: [&str; 6] = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'><svg onload=alert(1)>",
        "</td></table><a href=http://h.example>",
        "</title></svg><style>*{}</style>",
        "&lt;b&gt;",
    ];

    fn page(home: &str, record: &Record) -> String {
        let mut tally = Tally::default();
        tally.add(record);
        let mut out = Vec::new();
        write(&mut out, home, Timestamp(0), &tally, std::slice::from_ref(record)).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn denied() -> Record {
        let mut record = Record::of(Event::LeaseDenied, Timestamp(1_700_000_000_000));
        record.reason = Some(Reason::NotGranted);
        record
    }

    /// Names of tags, in order: what a browser makes of a page, as far as markup goes.
    fn tags(page: &str) -> Vec<&str> {
        let starts = page.split('<').skip(1);
        starts.filter_map(|rest| rest.split([' ', '>', '\n']).next()).collect()
    }

    #[test]
    fn markup_in_any_text_changes_no_tag_of_the_page() {
        let plain = page("/h", &Record { route: RouteName::parse("x").ok(), ..denied() });
        for attack in ATTACKS {
            let route = RouteName::parse(attack).ok();
            assert!(route.is_some(), "a route may be called so: {attack}");
            let attacked = page(attack, &Record { route, ..denied() });
            assert_eq!(tags(&attacked), tags(&plain), "{attack}");
            assert!(!attacked.contains(attack), "{attack}");
            assert!(attacked.contains(&text(attack)), "and it can be read: {attack}");
        }
    }

    #[test]
    fn no_handle_and_no_consumer_is_markup_to_begin_with() {
        for attack in ATTACKS {
            assert!(Handle::parse(&format!("@{attack}")).is_err() && Consumer::parse(attack).is_err());
        }
    }

    #[test]
    fn nothing_is_loaded_from_anywhere() {
        let page = page("/h", &denied());
        for word in ["http:", "https:", "src=", "href=", "url(", "<script", "@import"] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn what_hides_text_is_shown_as_what_it_is() {
        assert_eq!(text("a\u{202e}b\u{0}c"), "a\u{fffd}b\u{fffd}c");
    }
}
