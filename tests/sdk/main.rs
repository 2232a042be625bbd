//! The official OpenAI SDK for Python, unchanged, with a broker token for a key.

#[cfg(test)]
mod python;
