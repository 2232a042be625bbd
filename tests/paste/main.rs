//! What a reader would paste works when pasted: every example of every help text, and every block of
//! the documents.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod examples;
