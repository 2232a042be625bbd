//! What the CLI asks about policy: the grants in force, why something is allowed or not, and
//! whether a file would be taken. Changes nothing, and gives out names, places and numbers only.

use proto::cli_lane::{CliAnswer, GRANTS_PAGE, PART_MAX};
use proto::failure::{Failure, FailureClass};
use proto::name::{Delivery, Host};
use proto::policy::{Explanation, FileVerdict, GrantView, PolicyFile, Question};

use super::keeper::{Keeper, Recorded};
use super::lanes::LaneId;
use crate::clock::wall;
use crate::policy::explain::explain;
use crate::policy::grants::Grants;
use crate::policy::judge::Ask;
use crate::policy::providers::Providers;
use crate::policy_files::{FILE_MAX, GRANTS};

/// Most bytes of grants in a page: less than a frame's head by the longest grant there can be.
const PAGE_BYTES: usize = 8 * 1024;

impl Keeper {
    /// A page of the grants in force, or what keeps them from it.
    pub(super) fn list_grants(&self, seen: u32) -> Result<CliAnswer, Failure> {
        self.usable_grants()?;
        let seen = usize::try_from(seen).unwrap_or(usize::MAX);
        let mut rest = self.policy.grants.in_force().iter().skip(seen);
        let (mut grants, mut bytes) = (Vec::new(), 0);
        while grants.len() < GRANTS_PAGE && bytes < PAGE_BYTES {
            let Some(placed) = rest.next() else { break };
            let view = placed.view();
            bytes += size(&view);
            grants.push(view);
        }
        Ok(CliAnswer::GrantListed { grants, more: rest.next().is_some() })
    }

    /// Whether something would be allowed just now, were the vault open.
    pub(super) fn explain(&self, question: Question) -> Result<CliAnswer, Failure> {
        self.usable_grants()?;
        let Question { consumer, secret, purpose, host, delivery, method, path } = question;
        let found = match self.candidate(&secret) {
            Some(found) => found,
            None => return Err(self.known(&secret).err().unwrap_or_else(no_host)),
        };
        let provider = self.policy.providers.find(&found.provider);
        // A host that is named is meant, whatever the value.
        let marked_host = provider.and_then(|known| known.marked_host.clone()).filter(|_| host.is_none());
        let own = provider.map(|known| known.transport.host.clone());
        let host = match (host.or(own), delivery) {
            (Some(host), _) => host,
            (None, Delivery::HttpHeaderInject) => return Err(no_host()),
            // Not looked at.
            (None, Delivery::Native | Delivery::EnvInject) => {
                Host::parse("localhost").map_err(|_| no_host())?
            }
        };
        let named = Some(secret);
        let provider = found.provider;
        let ask = Ask { consumer, provider, purpose, delivery, host, marked_host, named, method, path };
        let candidate = |handle: &_| self.candidate(handle);
        let explanation: Explanation = explain(&self.policy.grants, candidate, &ask, wall());
        Ok(CliAnswer::Explained(explanation))
    }

    /// Reads both files as they are now. What is in force stays so until the loop reads them itself.
    pub(super) fn check_policy(&mut self) -> CliAnswer {
        let grants = verdict_of_grants(&self.policy.files.grants());
        let providers = match self.policy.files.providers_if_any() {
            None => FileVerdict::Missing,
            Some(providers) => verdict_of_providers(&providers),
        };
        CliAnswer::PolicyChecked { grants, providers }
    }

    /// Takes a part of a text, and judges the whole once it is there.
    pub(super) fn answer_check_text(
        &mut self,
        lane: LaneId,
        file: PolicyFile,
        part: &str,
        more: bool,
    ) -> Result<(), Failure> {
        let mut draft = self.drafts.remove(&lane).unwrap_or_default();
        let length = (draft.len() + part.len()) as u64;
        if part.len() > PART_MAX || length > FILE_MAX {
            let what = format!("the text is longer than {FILE_MAX} bytes, and no policy file may be");
            return Err(Failure::new(FailureClass::BadInput, what, "make it shorter"));
        }
        draft.push_str(part);
        let answer = if more {
            self.drafts.insert(lane, draft);
            CliAnswer::TextNoted
        } else {
            CliAnswer::TextChecked(match file {
                PolicyFile::Grants => verdict_of_grants(&Grants::parse(&draft)),
                PolicyFile::Providers => verdict_of_providers(&self.policy.files.providers_of_text(&draft)),
            })
        };
        self.answer_cli(lane, answer, Recorded::NotNeeded);
        Ok(())
    }

    fn usable_grants(&self) -> Result<(), Failure> {
        let path = self.policy.files.path_of(GRANTS);
        match &self.policy.grants {
            Grants::Loaded(_) | Grants::Missing => Ok(()),
            Grants::Refused(complaint) => Err(complaint.told().failure(&path.display().to_string())),
        }
    }
}

fn verdict_of_grants(grants: &Grants) -> FileVerdict {
    match grants {
        Grants::Missing => FileVerdict::Missing,
        Grants::Loaded(grants) => FileVerdict::Good(u32::try_from(grants.len()).unwrap_or(u32::MAX)),
        Grants::Refused(complaint) => FileVerdict::Bad(complaint.told().clone()),
    }
}

fn verdict_of_providers(providers: &Providers) -> FileVerdict {
    match &providers.refused {
        Some(complaint) => FileVerdict::Bad(complaint.told().clone()),
        None => FileVerdict::Good(u32::try_from(providers.iter().count()).unwrap_or(u32::MAX)),
    }
}

/// About as many bytes as a grant takes in a frame.
fn size(view: &GrantView) -> usize {
    let purposes: usize = view.purposes.iter().map(|purpose| purpose.as_str().len() + 2).sum();
    let hosts: usize = view.allowed_hosts.iter().map(|host| host.as_str().len() + 2).sum();
    let paths: usize = view.paths.iter().flatten().map(|path| path.len() + 2).sum();
    let methods = view.methods.iter().flatten().count() * 18;
    256 + purposes + hosts + paths + methods + view.delivery.len() * 20
}

fn no_host() -> Failure {
    Failure::new(
        FailureClass::BadInput,
        "this secret's provider has no host, so a request has none either",
        "say which is meant: --host api.openai.com",
    )
}
