//! The five questions, and what is made of the answers. Nothing is made or changed here.

use proto::failure::Failure;
use proto::hazmat::SecretBytes;
use proto::name::near::nearest;
use proto::name::{Backend, Consumer, Handle, ProviderId};
use proto::policy::{Origin, RouteView, Takes};

use super::ended;
use super::lines::Sdk;
use super::teller::Teller;
use crate::keeper::{self, probe};
use crate::secret::suggestion::Suggestion;
use crate::secret::{list, provider};
use crate::session::Session;

/// Where values can be kept. Whoever adds one adds a line.
const BACKENDS: [(Backend, &str); 2] = [
    (Backend::Keychain, "the desktop's keychain, which is open while you are logged in"),
    (Backend::FileVault, "encrypted files below this home, opened by a passphrase"),
];

/// What was answered, but for the key.
pub(super) struct Wanted {
    pub(super) provider: ProviderId,
    pub(super) secret: Handle,
    pub(super) consumer: Consumer,
    pub(super) sdk: Sdk,
    pub(super) suggestion: Suggestion,
    /// Of its provider.
    pub(super) routes: Vec<RouteView>,
}

impl Wanted {
    /// Whether it is for who needs no token of its own.
    pub(super) fn is_cores(&self) -> bool {
        self.consumer == Consumer::ugent_core()
    }
}

/// The other four, of a broker that runs.
pub(super) fn ask(teller: &mut Teller, session: &Session) -> Result<(Wanted, Option<SecretBytes>), Failure> {
    let (routes, known) = what_there_is(session)?;
    let provider = which_provider(teller, &routes)?;
    let routes: Vec<RouteView> = routes.into_iter().filter(|view| view.provider == provider).collect();
    let (secret, key) = key(teller, &provider, &known)?;
    let consumer = consumer(teller)?;
    let sdk = sdk(teller)?;
    let suggestion = Suggestion::of(&provider, &routes);
    Ok((Wanted { provider, secret, consumer, sdk, suggestion, routes }, key))
}

/// The first question, which comes before there is anything that could be asked.
pub(super) fn backend(teller: &mut Teller, session: &Session) -> Result<Backend, Failure> {
    teller.say(
        "Five questions, and then a gateway that works. Enter takes what is in brackets. Ctrl-C ends it: what is\n\
         done by then stays, and the next time goes on from there.",
    )?;
    teller.next("Where are your keys to be kept?")?;
    if session.home.has_vault() {
        teller.say(&format!(
            "        {} has a file-vault already, which is used",
            session.home.secrets().display()
        ))?;
        return Ok(Backend::FileVault);
    }
    if session.home.is_in_keychain() {
        teller.say("        This home keeps them in the keychain already, which is used")?;
        return Ok(Backend::Keychain);
    }
    let offered = offered(teller, session)?;
    for (number, (backend, what)) in (1..).zip(&offered) {
        teller.say(&format!("        {number}  {backend}: {what}"))?;
    }
    teller.ask("number", "1", |typed| {
        let chosen = typed.parse::<usize>().ok().and_then(|number| offered.get(number.checked_sub(1)?));
        let named = offered.iter().find(|(backend, _)| backend.as_str() == typed);
        chosen.or(named).map(|(backend, _)| *backend).ok_or_else(|| "that is none of them".to_owned())
    })
}

/// What can be had here: what settings ask for, else all that works.
fn offered(teller: &mut Teller, session: &Session) -> Result<Vec<(Backend, &'static str)>, Failure> {
    let wanted = session.settings.backend;
    let mut offered: Vec<_> =
        BACKENDS.into_iter().filter(|(backend, _)| wanted.is_none_or(|wanted| wanted == *backend)).collect();
    if offered.iter().any(|(backend, _)| *backend == Backend::Keychain)
        && let Some(failure) = probe::probe(session)?.failure()
    {
        if wanted.is_some() {
            return Err(failure);
        }
        teller.say(&format!("        (The desktop's keychain cannot be used: {}.)", failure.what))?;
        offered.retain(|(backend, _)| *backend != Backend::Keychain);
    }
    Ok(offered)
}

/// Secrets, each with its provider.
type Known = Vec<(Handle, ProviderId)>;

/// Routes, and the secrets there are.
fn what_there_is(session: &Session) -> Result<(Vec<RouteView>, Known), Failure> {
    let mut keeper = keeper::require_broker(session)?;
    let routes = provider::list::all(&mut keeper)?;
    let secrets = list::all(&mut keeper)?;
    keeper.end()?;
    Ok((routes, secrets.into_iter().map(|secret| (secret.handle, secret.provider)).collect()))
}

fn which_provider(teller: &mut Teller, routes: &[RouteView]) -> Result<ProviderId, Failure> {
    let mut known: Vec<&ProviderId> = Vec::new();
    for view in routes {
        let is_usable = view.origin != Origin::Unplaced && view.takes == Takes::Secret;
        if is_usable && !known.contains(&&view.provider) {
            known.push(&view.provider);
        }
    }
    teller.next("Whose API is it?")?;
    let names: Vec<&str> = known.iter().map(|provider| provider.as_str()).collect();
    for row in names.chunks(8) {
        teller.say(&format!("        {}", row.join("  ")))?;
    }
    teller.ask("provider", "openai", |typed| {
        let typed = typed.to_lowercase();
        known.iter().find(|provider| provider.as_str() == typed).map(|found| (*found).clone()).ok_or_else(
            || match nearest(&typed, names.iter().copied()) {
                Some(near) => format!("there is no such provider; did you mean {near}?"),
                None => "there is no such provider; secrets.providers.toml can add one".to_owned(),
            },
        )
    })
}

fn key(
    teller: &mut Teller,
    provider: &ProviderId,
    known: &[(Handle, ProviderId)],
) -> Result<(Handle, Option<SecretBytes>), Failure> {
    teller.next("Its API key? It is not shown, goes into the vault, and stays there.")?;
    let usual = format!("@{}_api_key", provider.as_str().replace('-', "_"));
    let usual = Handle::parse(&usual).map_err(crate::secret::bad_name)?;
    if let Some((there, _)) = known.iter().find(|(_, its)| its == provider) {
        teller.say(&format!(
            "        There is {there} already. Enter uses it as it is; another key gets another name."
        ))?;
        return match teller.secret(&format!("key, or Enter for {there}"))? {
            None => Ok((there.clone(), None)),
            Some(value) => {
                let name = teller.ask("name for it", "", |typed| {
                    let handle = Handle::parse(typed).map_err(|error| error.to_string())?;
                    let is_taken = known.iter().any(|(taken, _)| *taken == handle);
                    if is_taken { Err(format!("{handle} is taken")) } else { Ok(handle) }
                })?;
                Ok((name, Some(value)))
            }
        };
    }
    for _ in 0..3 {
        if let Some(value) = teller.secret(&format!("key, to be {usual}"))? {
            return Ok((usual, Some(value)));
        }
        teller.say("        nothing was typed; paste it, and press Enter")?;
    }
    Err(ended())
}

fn consumer(teller: &mut Teller) -> Result<Consumer, Failure> {
    teller.next("Who uses it? Any name: it stands in grants and in the audit, with a token of its own.")?;
    teller.say("        ugent-core is whoever has the token that every home has.")?;
    teller.ask("consumer", "ugent-core", |typed| Consumer::parse(typed).map_err(|error| error.to_string()))
}

fn sdk(teller: &mut Teller) -> Result<Sdk, Failure> {
    teller.next("With what? You get the lines for it at the end.")?;
    for (number, sdk) in (1..).zip(Sdk::ALL) {
        teller.say(&format!("        {number}  {}", sdk.name()))?;
    }
    teller.ask("number", "1", |typed| {
        let chosen = typed.parse::<usize>().ok().and_then(|number| Sdk::ALL.get(number.checked_sub(1)?));
        chosen.copied().ok_or_else(|| "that is none of them".to_owned())
    })
}
