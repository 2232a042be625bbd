//! Printing: tables on a terminal, tab-separated rows elsewhere, JSON on request.
//!
//! Takes names, numbers and times. No function here takes a value, and nothing of
//! `proto::hazmat` may be imported.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// How a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Aligned, with a header.
    Table,
    /// Tab-separated, without a header.
    Plain,
    /// JSON.
    Json,
}

/// Whether `--json` was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct JsonOption {
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl JsonOption {
    /// JSON on request, else what stdout is good for.
    pub(crate) fn form(self) -> Form {
        match (self.json, io::stdout().is_terminal()) {
            (true, _) => Form::Json,
            (false, true) => Form::Table,
            (false, false) => Form::Plain,
        }
    }
}

/// Prints rows, each as long as the header.
pub(crate) fn rows<const N: usize>(
    out: &mut impl Write,
    form: Form,
    header: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    match form {
        Form::Table => {
            let widths = std::array::from_fn(|column| width(&header, rows, column));
            table_row(out, &header, &widths)?;
            rows.iter().try_for_each(|row| table_row(out, row, &widths))
        }
        Form::Plain | Form::Json => rows.iter().try_for_each(|row| writeln!(out, "{}", row.join("\t"))),
    }
}

/// Prints one compact JSON document and a newline.
pub(crate) fn json(out: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string(what).map_err(io::Error::other)?;
    writeln!(out, "{text}")
}

/// A name or time, or `-` where there is none.
pub(crate) fn or_dash(what: Option<impl ToString>) -> String {
    what.map_or_else(|| "-".to_owned(), |what| what.to_string())
}

fn width<const N: usize>(header: &[&str; N], rows: &[[String; N]], column: usize) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(column)).map(String::len);
    cells.chain(header.get(column).map(|name| name.len())).max().unwrap_or_default()
}

fn table_row<T: AsRef<str>, const N: usize>(
    out: &mut impl Write,
    cells: &[T; N],
    widths: &[usize; N],
) -> io::Result<()> {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(&format!("{:width$}  ", cell.as_ref()));
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(form: Form) -> String {
        let mut out = Vec::new();
        let cells = [["@a".to_owned(), "1".to_owned()], ["@long_name".to_owned(), "-".to_owned()]];
        rows(&mut out, form, ["HANDLE", "N"], &cells).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tables_are_aligned_and_rows_are_tab_separated() {
        assert_eq!(shown(Form::Table), "HANDLE      N\n@a          1\n@long_name  -\n");
        assert_eq!(shown(Form::Plain), "@a\t1\n@long_name\t-\n");
    }
}
