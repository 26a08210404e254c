//! Whose page a change comes from.
//!
//! A browser sends cookies, and reaches loopback addresses, for pages of other sites too. It says so in
//! `Sec-Fetch-Site`, older ones in `Origin`, and a page can forge neither. A token in the `Authorization` header is put
//! there by somebody who has it: no browser adds it on its own.

use super::auth::Proof;
use super::hosts::authority;
use crate::service::ApiError;
use crate::wire::ErrorCode;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, ORIGIN};
use http::request::Parts;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Refuses a change that a page of another site may have sent.
pub(super) fn check(parts: &Parts, proof: Proof, origins: &[String]) -> Result<(), ApiError> {
    if proof == Proof::Header {
        return Ok(());
    }
    let refused = |header: &str| {
        let error = ApiError::new(ErrorCode::Forbidden, "a page of another site may change nothing here");
        Err(error.on(header).with_remedy("send the token in the header Authorization"))
    };
    let origin = only(&parts.headers, &ORIGIN).map(str::to_ascii_lowercase);
    if origin.as_ref().is_some_and(|origin| origins.contains(origin)) {
        return Ok(());
    }
    if parts.headers.contains_key(SEC_FETCH_SITE) {
        return match only(&parts.headers, &SEC_FETCH_SITE) {
            Some("same-origin" | "none") => Ok(()),
            _ => refused("Sec-Fetch-Site"),
        };
    }
    if parts.headers.contains_key(ORIGIN) {
        let own = authority(parts);
        let same = origin
            .as_deref()
            .and_then(|o| o.split_once("://"))
            .is_some_and(|(_, at)| own.as_deref() == Some(at));
        return if same { Ok(()) } else { refused("Origin") };
    }
    // Every browser that knows this cookie's `SameSite` sends one of the two with a change. Programs send neither: those
    // need no cookie.
    if proof == Proof::Cookie { refused("Origin") } else { Ok(()) }
}

/// Refuses a body that is not JSON: a form of another site cannot send JSON without asking first.
pub(super) fn check_content_type(parts: &Parts, has_body: bool) -> Result<(), ApiError> {
    let refused = |text: String| {
        let error = ApiError::new(ErrorCode::UnsupportedMediaType, text).on("Content-Type");
        Err(error.with_remedy("send application/json"))
    };
    let mut all = parts.headers.get_all(CONTENT_TYPE).iter();
    let Some(first) = all.next() else {
        return if has_body { refused("the body has no content type".into()) } else { Ok(()) };
    };
    let text = first.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    let utf8 = text.split(';').skip(1).all(|parameter| match parameter.trim().split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if essence.eq_ignore_ascii_case("application/json") && utf8 && all.next().is_none() {
        return Ok(());
    }
    let shown: String = essence.chars().filter(char::is_ascii_graphic).take(64).collect();
    refused(format!("the body is of the type {shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/").header("host", "forge.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_the_servers_own_pages_may_change_things_with_what_a_browser_adds() {
        let ok = |headers: &[(&str, &str)], proof| {
            check(&parts(headers), proof, &["tauri://localhost".into()]).is_ok()
        };
        for site in ["same-origin", "none"] {
            assert!(ok(&[("sec-fetch-site", site)], Proof::Cookie), "{site}");
        }
        for site in ["cross-site", "same-site", "", "SAME-ORIGIN"] {
            assert!(!ok(&[("sec-fetch-site", site)], Proof::Cookie), "{site}");
            assert!(!ok(&[("sec-fetch-site", site)], Proof::Ambient), "{site}");
            assert!(ok(&[("sec-fetch-site", site)], Proof::Header), "{site}");
        }
        assert!(ok(&[("origin", "https://Forge.example")], Proof::Cookie));
        assert!(ok(&[("origin", "tauri://localhost"), ("sec-fetch-site", "cross-site")], Proof::Cookie));
        for origin in ["null", "https://evil.example", "https://forge.example.evil.example", ""] {
            assert!(!ok(&[("origin", origin)], Proof::Ambient), "{origin}");
        }
        assert!(!ok(&[], Proof::Cookie));
        assert!(ok(&[], Proof::Ambient));
    }

    #[test]
    fn bodies_are_json_in_utf_8() {
        let ok = |value: &str| check_content_type(&parts(&[("content-type", value)]), true).is_ok();
        for good in
            ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""]
        {
            assert!(ok(good), "{good}");
        }
        for bad in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/jsonp",
        ] {
            assert!(!ok(bad), "{bad}");
        }
        assert!(check_content_type(&parts(&[]), false).is_ok());
        assert!(check_content_type(&parts(&[]), true).is_err());
    }
}
