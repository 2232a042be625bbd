//! One row of `consumers`: which uid needs no token on the machine's gateway, and who it is there.
//! Takes a uid in one spelling only, and never repeats what is wrong.

use proto::control_lane::KnownPeer;
use proto::name::Consumer;

/// What system calls take for "no uid": nobody has it (chown(2)).
const NOBODY: u32 = u32::MAX;

/// A uid as everybody writes it, so that none can be there twice, and its name; else where what is
/// wrong.
pub(super) fn peer(
    uid: &toml::Spanned<String>,
    name: &toml::Spanned<String>,
) -> Result<KnownPeer, (usize, &'static str)> {
    let text = uid.get_ref();
    let canonical = text.parse().ok().filter(|uid: &u32| uid.to_string() == *text && *uid != NOBODY);
    let Some(number) = canonical else {
        return Err((uid.span().start, "consumers has what is no uid, as in { 1000 = \"my-service\" }"));
    };
    match Consumer::parse(name.get_ref()) {
        Ok(consumer) => Ok(KnownPeer { uid: number, consumer }),
        Err(_) => Err((name.span().start, "consumers has what is no name, as in { 1000 = \"my-service\" }")),
    }
}
