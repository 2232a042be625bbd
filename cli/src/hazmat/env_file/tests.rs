//! Claims about `.env` files: what is read of them, what is refused, and what is left as it is.

#![expect(clippy::disallowed_methods, reason = "INV-02: the tests compare what was read")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proto::name::Handle;

use super::*;

fn file(text: &[u8]) -> Result<EnvFile, Failure> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join(".env");
    fs::write(&path, text).unwrap();
    EnvFile::read(&path)
}

/// Names, lines and values.
fn read_of(text: &str) -> Vec<(String, u32, String)> {
    let file = file(text.as_bytes()).unwrap();
    let value = |variable| String::from_utf8(file.value(variable).unwrap().expose().to_vec()).unwrap();
    file.variables().iter().map(|found| (found.name.clone(), found.line, value(found))).collect()
}

fn mistake(text: &str) -> (u32, Mistake) {
    let mut bytes = SecretBytes::zeroed(text.len()).unwrap();
    bytes.expose_mut().copy_from_slice(text.as_bytes());
    grammar::parse(&bytes).unwrap_err()
}

#[test]
fn values_are_read_as_they_are_meant() {
    for (line, value) in [
        ("A=sk-1", "sk-1"),
        ("A=sk-1\r", "sk-1"),
        ("  export \t A=sk-1  # a comment", "sk-1"),
        ("A=a b  c\t", "a b  c"),
        ("A=", ""),
        ("A=   # nothing", ""),
        ("A=''", ""),
        ("A=a=b==", "a=b=="),
        ("A='$x \\n \"q\" # no comment' # one", "$x \\n \"q\" # no comment"),
        ("A=\"a\\n\\t\\\\\\\"\\$b\"", "a\n\t\\\"$b"),
        ("A=\"one\ntwo\"", "one\ntwo"),
        ("A='one\ntwo'", "one\ntwo"),
        ("exported=x", "x"),
        ("export=x", "x"),
    ] {
        let read = read_of(&format!("# before\n\n{line}\n"));
        assert_eq!(read.len(), 1, "{line}");
        assert_eq!((read[0].1, read[0].2.as_str()), (3, value), "{line}");
    }
}

#[test]
fn lines_are_counted_through_comments_and_quotes() {
    let read = read_of("A=1\r\n# c\n\nB='x\ny\n'\nC=\"\nz\"\nD=4");
    let lines: Vec<_> = read.iter().map(|(name, line, _)| (name.as_str(), *line)).collect();
    assert_eq!(lines, [("A", 1), ("B", 4), ("C", 7), ("D", 9)]);
    assert!(read_of("").is_empty() && read_of("\n# only\n  \n").is_empty());
}

#[test]
fn what_programs_would_read_differently_is_refused_with_its_line() {
    for (line, expected) in [
        ("sk-1234", Mistake::Equals),
        ("9A=x", Mistake::Name),
        ("=x", Mistake::Name),
        ("A-B=x", Mistake::Equals),
        ("A =x", Mistake::Equals),
        ("A= x", Mistake::Space),
        ("export A", Mistake::Equals),
        ("A='x", Mistake::Unended),
        ("A=\"x", Mistake::Unended),
        ("A='x'y", Mistake::Behind),
        ("A='x'#y", Mistake::Behind),
        ("A=\"\\x\"", Mistake::Escape),
        ("A=\"$x\"", Mistake::Dollar),
        ("A=a$x", Mistake::Dollar),
        ("A=a#x", Mistake::Unquoted),
        ("A=a'x'", Mistake::Unquoted),
        ("A=a\\x", Mistake::Unquoted),
        ("A=a`x`", Mistake::Unquoted),
        ("A=a\rB=b", Mistake::Unquoted),
        ("\rA=a", Mistake::Name),
        ("A=a\0", Mistake::Nul),
        ("FIRST=x", Mistake::Again(1)),
        ("\u{feff}A=x", Mistake::Name),
    ] {
        assert_eq!(mistake(&format!("FIRST=1\n\n{line}\n")), (3, expected), "{line:?}");
    }
}

#[test]
fn an_error_has_the_line_and_nothing_of_the_text() {
    for text in
        ["X=1\nCANARY='canary", "X=1\nCANARYcanary", "X=1\nCANARY=ca$nary", "X=1\nCANARY=\"\\canary\""]
    {
        let Err(failure) = file(text.as_bytes()) else { panic!("{text} is read") };
        assert!(failure.what.contains(" line 2: "), "{failure:?}");
        assert!(!format!("{failure:?}").to_lowercase().contains("nary"), "{failure:?}");
    }
    assert_eq!(file(&vec![b'#'; VALUE_MAX + 1]).err().unwrap().class, FailureClass::BadInput);
    assert!(file(&vec![b'#'; VALUE_MAX]).is_ok());
}

#[test]
fn references_take_the_place_of_values_and_nothing_else_changes() {
    let place = tempfile::tempdir().unwrap();
    let (path, link) = (place.path().join("real"), place.path().join(".env"));
    let text = "# keys\r\nexport A='old one' # why\r\n\r\nB=2\nC=\"x\\n\"\nD=\n";
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real", &link).unwrap();
    let file = EnvFile::read(&link).unwrap();
    let (a, c) = (Handle::parse("@a").unwrap(), Handle::parse("@c.long_name").unwrap());
    let [first, _, third, _] = file.variables() else { panic!("four") };
    file.rewrite(&link, &[(first, &a), (third, &c)]).unwrap();
    let now = "# keys\r\nexport A=@a # why\r\n\r\nB=2\nC=@c.long_name\nD=\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), now);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    let again = EnvFile::read(&link).unwrap();
    assert!(again.is_reference(&again.variables()[0]) && !again.is_reference(&again.variables()[1]));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "nothing is left beside");
}

#[test]
fn a_file_that_was_changed_meanwhile_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join(".env");
    fs::write(&path, "A=1\n").unwrap();
    let file = EnvFile::read(&path).unwrap();
    fs::write(&path, "A=1\nB=2\n").unwrap();
    let handle = Handle::parse("@a").unwrap();
    assert!(file.rewrite(&path, &[(&file.variables()[0], &handle)]).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "A=1\nB=2\n");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "nothing is left beside");
}
