//! What is written into a world's files: settings, providers and grants.

use super::{Layout, World};

impl World {
    /// `secrets.toml` as it is written: the cheapest KDF, for tests only.
    #[must_use]
    pub fn settings(&self) -> String {
        let peers = match self.layout {
            Layout::OneUser => "",
            // The tests are root.
            Layout::System => "consumers = { 0 = \"ugent-core\" }\n",
        };
        let backend = if self.bus.is_some() { "" } else { "backend = \"file-vault\"\n" };
        format!(
            "{backend}listen = \"127.0.0.1:{}\"\nkdf = {{ memory_kib = 8192, passes = 1 }}\n{peers}",
            self.port()
        )
    }

    /// `secrets.providers.toml` as it is written: openai is the stand-in.
    #[must_use]
    pub fn providers(&self) -> String {
        format!(
            "[[providers]]\nid = \"openai\"\nbase_url = \"https://localhost:{}\"\nca_file = \"{}\"\nallow_private = true\n",
            self.standin.port(),
            self.home.path().join("ca.pem").display(),
        )
    }

    /// A grant that lets the gateway use the key.
    #[must_use]
    pub fn grant(&self) -> String {
        Self::grant_of("openai_api_key", "ugent-core", "localhost", 300)
    }

    /// A grant of both llm purposes through the gateway.
    #[must_use]
    pub fn grant_of(secret: &str, consumer: &str, host: &str, ttl: u32) -> String {
        format!(
            "[[grants]]\nsecret_ref = \"{secret}\"\nconsumer = \"{consumer}\"\n\
             purposes = [\"llm.chat\", \"llm.embeddings\"]\ndelivery = [\"http_header_inject\"]\n\
             allowed_hosts = [\"{host}\"]\nttl_secs = {ttl}\n"
        )
    }
}
