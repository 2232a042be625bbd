//! The JSON each provider's SDK makes its own exception of. Its type it takes from the status, which is
//! the same for all; what is here is that our message is found where the SDK looks for one.

use hyper::StatusCode;
use proto::control_lane::ErrorShape;

/// A body. The code and the words of a shape are ours, and need no escape.
pub(super) fn body(shape: ErrorShape, status: StatusCode, code: &str, message: &str) -> String {
    let message = escape(message);
    let number = status.as_u16();
    let kind = openai_type(status);
    match shape {
        ErrorShape::OpenAi => {
            format!(r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":"{code}"}}}}"#)
        }
        ErrorShape::Google => {
            let word = google_status(status);
            format!(r#"{{"error":{{"code":{number},"message":"{message}","status":"{word}"}}}}"#)
        }
        // With a code too: some providers speak OpenAI's language beside this one.
        ErrorShape::Anthropic => {
            let kind = anthropic_type(status);
            format!(
                r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}","param":null,"code":"{code}"}}}}"#
            )
        }
        ErrorShape::Message => {
            format!(
                r#"{{"object":"error","message":"{message}","type":"{kind}","param":null,"code":"{code}"}}"#
            )
        }
        ErrorShape::Detail => format!(r#"{{"detail":"{message}","code":"{code}"}}"#),
        ErrorShape::Text => format!(r#"{{"error":"{message}","code":"{code}"}}"#),
    }
}

const fn openai_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

const fn anthropic_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}

const fn google_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNAVAILABLE",
    }
}

/// Our own texts need nothing but quotes and backslashes escaped (RFC 8259 section 7).
fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_has_the_message_where_its_sdk_looks() {
        let shown = |shape| body(shape, StatusCode::FORBIDDEN, "not_granted", r#"a "b" \ c"#);
        let text = r#""a \"b\" \\ c""#;
        for (shape, wanted) in [
            (
                ErrorShape::OpenAi,
                format!(
                    r#"{{"error":{{"message":{text},"type":"permission_error","param":null,"code":"not_granted"}}}}"#
                ),
            ),
            (
                ErrorShape::Google,
                format!(r#"{{"error":{{"code":403,"message":{text},"status":"PERMISSION_DENIED"}}}}"#),
            ),
            (
                ErrorShape::Anthropic,
                format!(
                    r#"{{"type":"error","error":{{"type":"permission_error","message":{text},"param":null,"code":"not_granted"}}}}"#
                ),
            ),
            (
                ErrorShape::Message,
                format!(
                    r#"{{"object":"error","message":{text},"type":"permission_error","param":null,"code":"not_granted"}}"#
                ),
            ),
            (ErrorShape::Detail, format!(r#"{{"detail":{text},"code":"not_granted"}}"#)),
            (ErrorShape::Text, format!(r#"{{"error":{text},"code":"not_granted"}}"#)),
        ] {
            assert_eq!(shown(shape), wanted);
        }
    }
}
