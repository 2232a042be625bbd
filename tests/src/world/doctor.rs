//! `ugent secret doctor --json`, and what a test asks of its findings.

use serde_json::Value;

use super::World;
use super::call::Call;

/// What doctor found.
pub struct Diagnosis {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub json: Value,
}

impl World {
    /// Runs doctor without a passphrase.
    #[must_use]
    #[track_caller]
    pub fn doctor(&self) -> Diagnosis {
        self.doctor_as(|call| call)
    }

    /// Runs doctor without a passphrase, and otherwise changed.
    ///
    /// # Panics
    /// If it prints no JSON.
    #[must_use]
    #[track_caller]
    pub fn doctor_as(&self, change: impl FnOnce(Call) -> Call) -> Diagnosis {
        let call = self.ugent(&["doctor", "--json"]).without("UGENT_SECRETS_PASSPHRASE");
        let told = change(call).run();
        let json = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("no JSON: {}", told.stderr));
        Diagnosis { code: told.code, json }
    }
}

impl Diagnosis {
    /// Its findings of that level, as `id: what (mend)`.
    #[must_use]
    pub fn at(&self, level: &str) -> Vec<String> {
        let found = self.checks().filter(|check| text(check, "level") == level);
        found
            .map(|check| format!("{}: {} ({})", text(check, "id"), text(check, "what"), text(check, "mend")))
            .collect()
    }

    /// Level, sentence and mend of the one finding with that id.
    ///
    /// # Panics
    /// If there is none, or more.
    #[must_use]
    #[track_caller]
    pub fn of(&self, id: &str) -> [String; 3] {
        let mut found = self.checks().filter(|check| text(check, "id") == id);
        match (found.next(), found.next()) {
            (Some(check), None) => ["level", "what", "mend"].map(|field| text(check, field)),
            _ => panic!("there is not one {id} in {}", self.json),
        }
    }

    /// Demands that nothing failed, and exit code 0.
    #[track_caller]
    pub fn is_well(&self) {
        assert_eq!((self.code, self.at("fail")), (Some(0), Vec::new()));
    }

    /// Demands exit code 78, and that this check alone fails. Gives its sentence and mend.
    ///
    /// # Panics
    /// If it is otherwise.
    #[must_use]
    #[track_caller]
    pub fn only_fails(&self, id: &str) -> [String; 2] {
        let failed = self.at("fail");
        assert_eq!((self.code, failed.len()), (Some(78), 1), "{failed:?}");
        let [level, what, mend] = self.of(id);
        assert_eq!(level, "fail", "{what}");
        [what, mend]
    }

    fn checks(&self) -> impl Iterator<Item = &Value> {
        self.json.get("checks").and_then(Value::as_array).into_iter().flatten()
    }
}

fn text(check: &Value, field: &str) -> String {
    check.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}
